"""`zoo export` and `zoo verify`: a checkpoint becomes weights, card and picture."""

import inspect
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from torch import Tensor, nn

from recipes.data.images import ImageData
from zoo import catalog, pictures
from zoo.cards import Card
from zoo.checkpoints import newest_checkpoint, read_checkpoint, revive
from zoo.contracts import Animal, Autoencoder, Sampler
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
    """Write weights, picture and card of a checkpoint, or of the newest good one in a run folder;
    every number is read off the written file.

    All three are made aside and then put in place, so that a failure leaves what was there. The
    prose, and what its paper reported, are kept from the old card. Raises BadWeights for what
    `zoo fit` did not make from that recipe, UnknownName without a recipe.
    """
    checkpoint = newest_checkpoint([checkpoint]) if checkpoint.is_dir() else checkpoint
    data, state, old = data_of(name), read_checkpoint(checkpoint), folder / f"{name}.md"
    model = revive(checkpoint, state)
    changed = differences(model, name)
    if isinstance(model, Autoencoder):
        model.fit_sampler(each(model, data.images("train").pixels, model.encode, "codes"))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=folder) as aside:
        path = Path(aside) / f"{name}.safetensors"
        write(model, path)
        pictures.save(picture(read(path)), path.with_suffix(".png"))
        found = facts(path, state, data, protocol) | {"paper": kept(old).get("paper")}
        card = Card(name, found | ({"changed": changed} if changed else {}), prose(old))
        path.with_suffix(".md").write_text(str(card), encoding="utf-8")
        for ending in (".safetensors", ".png", ".md"):
            os.replace(path.with_suffix(ending), folder / f"{name}{ending}")
    return card


def differences(model: Animal, name: str) -> dict[str, object]:
    """Arguments in which a model is not that of the recipe; raises BadWeights for another class."""
    wanted = yaml.safe_load(catalog.recipe(name).read_text(encoding="utf-8"))["model"]
    kind = type(model)
    if wanted["class_path"] != f"{kind.__module__}.{kind.__qualname__}":
        raise BadWeights(
            f"the checkpoint holds a {kind.__name__}, the recipe {name} raises a "
            f"{wanted['class_path'].rpartition('.')[2]}: export it under its own name"
        )
    parameters = inspect.signature(kind).parameters
    arguments = {key: value.default for key, value in parameters.items()}
    arguments |= wanted.get("init_args", {})
    return {k: v for k, v in model.hparams.items() if k in arguments and v != arguments[k]}


def picture(model: Animal) -> Tensor:
    """Its first 64 samples; of a model that draws nothing, the filters that it sees with."""
    if isinstance(model, Sampler):
        return pictures.grid(model.sample(64, seed=0))
    filters = next(m.weight for m in model.modules() if isinstance(m, nn.Conv2d)).detach()
    return pictures.grid(filters / filters.abs().amax((1, 2, 3), keepdim=True))


def facts(
    path: Path, state: dict[str, object], data: ImageData, protocol: Protocol
) -> dict[str, object]:
    """The front matter."""
    model, callbacks = read(path), state["callbacks"]
    logbook: dict[str, str | float] = callbacks.get("Logbook", {})  # type: ignore[attr-defined]
    kind = type(model)
    averaged = "averaging_state" in state
    parameters = {name for name, _ in model.named_parameters()}
    found = report(path, data, protocol)
    return {
        "name": path.stem,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "recipe": f"recipes/{path.stem}.yaml",
        "commit": logbook.get("commit", commit()),
        "licence": data.source.weights_licence,
        "data": {"name": data.source.title, "url": data.source.url, "terms": data.source.terms},
        "sha256": sha256(path),
        "parameters": sum(v.numel() for k, v in shipped(model).items() if k in parameters),
        "training": {
            "hardware": logbook.get("hardware", "unknown"),
            "precision": logbook.get("precision", "unknown"),
            "minutes": round(float(logbook.get("seconds", 0)) / 60, 1),
            "steps": state["global_step"],
            "images_seen": state["images_seen"],
            "weights": "exponential moving average" if averaged else "last step",
        },
        "metrics": found["metrics"],
        "measured": found["measured"],
    }


def kept(path: Path) -> dict[str, object]:
    """The facts of the card that is there already."""
    return Card.read(path).facts if path.exists() else {}


def prose(path: Path) -> str:
    """The prose of the card that is there already."""
    return Card.read(path).prose if path.exists() else f"# {path.stem}\n\n{UNSEEN}"


def verify(name: str) -> list[str]:
    """What was checked and held: digest, strict load, the picture from seed 0 within one grey
    level. Raises ZooError for the first promise that is broken."""
    card, path = catalog.card(name), catalog.locate(name)
    if (found := sha256(path)) != card.facts["sha256"]:
        raise ZooError(f"{path} is not the file of its card: its sha256 is {found}")
    drawn, shown = picture(read(path)), pictures.read(path.with_suffix(".png"))
    if drawn.shape != shown.shape:
        raise ZooError(f"{name}.png is {tuple(shown.shape)}, seed 0 draws {tuple(drawn.shape)}")
    if (off := int((drawn.int() - shown.int()).abs().max())) > 1:
        raise ZooError(f"{name}.png is not what seed 0 draws: pixels differ by up to {off} of 255")
    return ["digest", "strict load", f"picture from seed 0 (off by {off} of 255 at most)"]
