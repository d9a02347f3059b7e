"""`zoo export` and `zoo verify`: a checkpoint becomes weights, card and picture."""

import subprocess
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from recipes.data.images import ImageData
from zoo import catalog, pictures
from zoo.cards import Card
from zoo.contracts import Animal, Sampler
from zoo.errors import BadWeights, ZooError
from zoo.evaluation import data_of, evaluate
from zoo.weights import find_class, read, sha256, shipped, write

UNSEEN = "Nobody has looked at its samples yet: say here what it is good at and what it gets wrong."


def export(checkpoint: Path, name: str, folder: Path = catalog.WEIGHTS) -> Card:
    """Write weights, picture and card of a checkpoint; every number is read off the written file.

    A card's prose, and what its paper reported, are kept from the card that was there. Raises
    BadWeights for a checkpoint that was not made by `zoo fit`, UnknownName without a recipe.
    """
    data = data_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    state = read_checkpoint(checkpoint)
    path = folder / f"{name}.safetensors"
    write(revive(checkpoint, state), path)
    pictures.save(picture(read(path)), path.with_suffix(".png"))
    card = Card(name, facts(path, state, data), prose(path.with_suffix(".md")))
    beside = path.with_suffix(".md.part")
    beside.write_text(str(card), encoding="utf-8")
    beside.replace(path.with_suffix(".md"))
    return card


def read_checkpoint(path: Path) -> dict[str, object]:
    """A checkpoint of `zoo fit`, with nothing unpickled but tensors and plain data."""
    if not path.is_file():
        raise BadWeights(f"there is no checkpoint {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise BadWeights(
            f"{path} cannot be read safely: it is damaged or holds more than tensors and plain data"
        ) from error
    if not isinstance(state, dict) or not {"hyper_parameters", "images_seen"} <= state.keys():
        raise BadWeights(f"{path} is not a checkpoint of `zoo fit`: it lacks what rebuilds a model")
    return state


def revive(path: Path, state: dict[str, object]) -> Animal:
    """The model in a checkpoint: its average, where one was kept."""
    settings: dict[str, str | int | float] = state["hyper_parameters"]  # type: ignore[assignment]
    kind = find_class(path, settings.get("_class_path"))
    model = kind(**{k: v for k, v in settings.items() if not k.startswith("_")})
    tensors: dict[str, Tensor] = state["state_dict"]  # type: ignore[assignment]
    model.load_state_dict(tensors)
    return model.eval()


def picture(model: Animal) -> Tensor:
    """Its first 64 samples; of a model that draws nothing, the filters that it sees with."""
    if isinstance(model, Sampler):
        return pictures.grid(model.sample(64, seed=0))
    filters = next(m.weight for m in model.modules() if isinstance(m, nn.Conv2d)).detach()
    return pictures.grid(filters / filters.abs().amax((1, 2, 3), keepdim=True))


def facts(path: Path, state: dict[str, object], data: ImageData) -> dict[str, object]:
    """The front matter."""
    model, callbacks = read(path), state["callbacks"]
    logbook: dict[str, str | float] = callbacks.get("Logbook", {})  # type: ignore[attr-defined]
    kind = type(model)
    averaged = "averaging_state" in state
    parameters = {name for name, _ in model.named_parameters()}
    return {
        "name": path.stem,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "recipe": f"recipes/{path.stem}.yaml",
        "commit": commit(),
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
        "metrics": evaluate(path, data),
        "paper": kept(path.with_suffix(".md")).get("paper"),
    }


def kept(path: Path) -> dict[str, object]:
    """The facts of the card that is there already."""
    return Card.read(path).facts if path.exists() else {}


def prose(path: Path) -> str:
    """The prose of the card that is there already."""
    return Card.read(path).prose if path.exists() else f"# {path.stem}\n\n{UNSEEN}"


def commit() -> str:
    """The commit of the clone that the zoo runs from, `unknown` outside of one."""
    command = ["git", "-C", str(catalog.HOME), "rev-parse", "--short=12", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


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
