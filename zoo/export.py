"""`zoo export` and `zoo verify`: a checkpoint becomes weights, card and picture."""

import inspect
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from torch import Tensor, nn

from recipes.data.images import ImageData
from zoo import catalog, pictures
from zoo.animals import Animal, Autoencoder
from zoo.cards import Card
from zoo.checkpoints import newest_checkpoint, read_checkpoint, revive
from zoo.contracts import Sampler
from zoo.errors import BadWeights, ZooError
from zoo.evaluation import data_of, report
from zoo.measures import PROTOCOLS, Protocol
from zoo.measures.records import each
from zoo.provenance import commit
from zoo.weights import read, sha256, shipped, write

UNSEEN = "Nobody has looked at its samples yet: say here what it is good at and what it gets wrong."


def export(
    checkpoint: Path,
    name: str,
    folder: Path = catalog.WEIGHTS,
    protocol: Protocol = PROTOCOLS["full"],
) -> Card:
    """Write weights, picture and card of a checkpoint, or of a run folder's newest good one.

    Every number is read off the written file. All three are made aside and then put in place, so
    that a failure leaves what was there. The prose, and what its paper reported, are kept from the
    old card. Raises BadWeights for what that recipe did not make, UnknownName without a recipe.
    """
    checkpoint = newest_checkpoint([checkpoint]) if checkpoint.is_dir() else checkpoint
    old, recipe = folder / f"{name}.md", recipe_of(checkpoint, name)
    data, state = data_of(str(recipe)), read_checkpoint(checkpoint)
    model = revive(checkpoint, state)
    changed = differences(model, recipe)
    if isinstance(model, Autoencoder):
        model.fit_sampler(each(model, data.images("train").pixels, model.encode, "codes"))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=folder) as aside:
        path = Path(aside) / f"{name}.safetensors"
        write(model, path)
        pictures.save(picture(read(path)), path.with_suffix(".png"))
        found = facts(path, recipe, state, data, protocol) | {"paper": kept(old).get("paper")}
        card = Card(name, found | ({"changed": changed} if changed else {}), prose(old))
        path.with_suffix(".md").write_text(str(card), encoding="utf-8")
        for ending in (".safetensors", ".png", ".md"):
            os.replace(path.with_suffix(ending), folder / f"{name}{ending}")
    return card


def recipe_of(checkpoint: Path, name: str) -> Path:
    """The zoo's recipe of that name, else the one that the run of a checkpoint began with."""
    begun = checkpoint.parent / "recipe.yaml"
    return begun if name not in catalog.recipes() and begun.is_file() else catalog.recipe(name)


def differences(model: Animal, recipe: Path) -> dict[str, object]:
    """Arguments in which a model is not that of the recipe; raises BadWeights for another class."""
    wanted = yaml.safe_load(recipe.read_text(encoding="utf-8"))["model"]
    kind = type(model)
    if wanted["class_path"] != f"{kind.__module__}.{kind.__qualname__}":
        raise BadWeights(
            f"the checkpoint holds a {kind.__name__}, the recipe {recipe.stem} raises a "
            f"{wanted['class_path'].rpartition('.')[2]}: export it under its own name"
        )
    parameters = inspect.signature(kind).parameters
    arguments = {key: value.default for key, value in parameters.items()}
    arguments |= wanted.get("init_args", {})
    pairs = [(k, plain(v), plain(arguments[k])) for k, v in model.hparams.items() if k in arguments]
    return {key: ours for key, ours, theirs in pairs if ours != theirs}


def plain(value: object) -> object:
    """As JSON has it, where a tuple is a list."""
    return list(value) if isinstance(value, tuple) else value


def picture(model: Animal) -> Tensor:
    """Eight rows of samples; of a model that draws nothing, the filters that it sees with."""
    if isinstance(model, Sampler):
        columns = pictures.columns(model)
        return pictures.grid(model.sample(8 * columns, seed=0), columns)
    filters = next(m.weight for m in model.modules() if isinstance(m, nn.Conv2d)).detach()
    return pictures.grid(filters / filters.abs().amax((1, 2, 3), keepdim=True))


def facts(
    path: Path, recipe: Path, state: dict[str, object], data: ImageData, protocol: Protocol
) -> dict[str, object]:
    """The front matter."""
    model = read(path)
    kind = type(model)
    parameters = {name for name, _ in model.named_parameters()}
    found = report(path, data, protocol)
    return {
        "name": path.stem,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "recipe": f"{recipe.parent.name}/{recipe.name}",
        "commit": logbook(state).get("commit", commit()),
        "licence": data.source.weights_licence,
        "data": {"name": data.source.title, "url": data.source.url, "terms": data.source.terms},
        "sha256": sha256(path),
        "parameters": sum(v.numel() for k, v in shipped(model).items() if k in parameters),
        "training": training(state),
        "metrics": found["metrics"],
        "measured": found["measured"],
    }


def training(state: dict[str, object]) -> dict[str, object]:
    """How a checkpoint came about, as its logbook has it."""
    book, averaged = logbook(state), "averaging_state" in state
    begun = {"begun_from": book["begun_from"]} if "begun_from" in book else {}
    return begun | {
        "hardware": book.get("hardware", "unknown"),
        "precision": book.get("precision", "unknown"),
        "minutes": round(float(book.get("seconds", 0)) / 60, 1),
        "steps": state["global_step"],
        "images_seen": state["images_seen"],
        "weights": "exponential moving average" if averaged else "last step",
    }


def logbook(state: dict[str, object]) -> dict[str, str | float]:
    """What a checkpoint's logbook holds."""
    return state["callbacks"].get("Logbook", {})  # type: ignore[attr-defined]


def kept(path: Path) -> dict[str, object]:
    """The facts of the card that is there already."""
    return Card.read(path).facts if path.exists() else {}


def prose(path: Path) -> str:
    """The prose of the card that is there already."""
    return Card.read(path).prose if path.exists() else f"# {path.stem}\n\n{UNSEEN}"


def verify(name: str) -> list[str]:
    """What was checked of a model and held, as `promises_kept` has it; raises ZooError."""
    return promises_kept(catalog.card(name), catalog.locate(name), catalog.picture(name))


def promises_kept(card: Card, path: Path, sample: Path) -> list[str]:
    """Digest, strict load, the picture from seed 0 within one grey level. Raises ZooError for the
    first promise of the card that is broken."""
    if (found := sha256(path)) != card.facts["sha256"]:
        raise ZooError(f"{path} is not the file of its card: its sha256 is {found}")
    drawn, shown = picture(read(path)), pictures.read(sample)
    if drawn.shape != shown.shape:
        raise ZooError(f"{sample} is {tuple(shown.shape)}, seed 0 draws {tuple(drawn.shape)}")
    if (off := int((drawn.int() - shown.int()).abs().max())) > 1:
        raise ZooError(f"{sample} is not what seed 0 draws: pixels differ by up to {off} of 255")
    return ["digest", "strict load", f"picture from seed 0 (off by {off} of 255 at most)"]
