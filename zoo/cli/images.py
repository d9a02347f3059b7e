"""Which images a verb works on: those of a data set, or one's own."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import Add
from zoo.errors import ZooError
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from zoo.core.latent_models import LatentVariableModel
    from zoo.core.module import ZooModule
    from zoo.core.protocols import Codec, SupportsReconstruction
    from zoo.data.arrays import Examples
    from zoo.data.images import ImageDataModule


def add_images(add: Add) -> None:
    """What all verbs take that look at images."""
    add_recipe(add)
    add("--split", choices=["test", "train"], default="test", help="which part of them (test)")


def add_recipe(add: Add) -> None:
    """What those take that look at a data set as a whole."""
    add("--recipe", metavar="NAME|FILE", help="whose data to take (that of the same name)")


def add_folder(add: Add) -> None:
    """What those take that need no labels."""
    add("--folder", type=Path, help="your own pictures instead: their centre squares, resized")
    add("--unreadable", choices=["stop", "skip"], default="stop", help="pictures there (stop)")


def data_for(options: Namespace, model: "ZooModule") -> "ImageDataModule":
    """The data set that a verb's options name; raises ZooError where it does not fit the model."""
    from zoo.data.images import ImageDataModule
    from zoo.evaluation.applicable import check
    from zoo.evaluation.training_data import data_of

    name = options.recipe or catalog.stem(options.name)
    if options.recipe is None and name not in catalog.list_recipes():
        raise ZooError(f"{name} has no recipe: say whose images to take with --recipe")
    data = data_of(name)
    check(model, data)
    if not isinstance(data, ImageDataModule):
        raise ZooError(f"the data of {name} must be images, got {data.modality.noun}")
    return data


def images_for(options: Namespace, model: "ZooModule", n: int | None = None) -> "Examples":
    """The first n of the images that a verb's options name, all unless given."""
    from zoo.evaluation.records import take

    if getattr(options, "folder", None) is None:
        found = data_for(options, model).images(options.split)
    else:
        found = own_pictures(options, model)
    return take(found, len(found.pixels) if n is None else n)


def own_pictures(options: Namespace, model: "ZooModule") -> "Examples":
    """Every picture below a folder, in the size and the channels that the model takes."""
    from zoo.data import ImageFolder
    from zoo.data.inventory import named

    size, channels = model.hparams.get("size"), model.hparams.get("channels")
    if size is None or channels is None:
        usual = data_for(options, model)
        size, channels = usual.size, usual.channels
    folder, unreadable = str(options.folder), options.unreadable
    data = ImageFolder(folder, size, channels=channels, unreadable=unreadable)
    if data.everything and data.inventory.faults:
        print(f"left out: {named(data.inventory.faults)}", file=sys.stderr)
    return data.everything


def load_codec(options: Namespace) -> tuple["ZooModule", "Codec"]:
    """The model that a verb's options name, twice: as it is, and as one with codes."""
    from zoo.core.protocols import Codec

    model = catalog.load(options.name, options.device)
    if not isinstance(model, Codec):
        raise ZooError(f"{options.name} has no codes of images: it is a {type(model).__name__}")
    return model, model


def load_reconstructor(options: Namespace) -> tuple["ZooModule", "SupportsReconstruction"]:
    """The model that a verb's options name, twice: as it is, and as one that reconstructs."""
    from zoo.core.protocols import SupportsReconstruction

    model = catalog.load(options.name, options.device)
    if not isinstance(model, SupportsReconstruction):
        raise ZooError(f"{options.name} reconstructs no images: it is a {type(model).__name__}")
    return model, model


def load_generator(options: Namespace) -> "LatentVariableModel":
    """The model that a verb's options name, as one that draws by a latent and by nothing else."""
    from zoo.core.latent_models import LatentVariableModel

    model = catalog.load(options.name, options.device)
    if not isinstance(model, LatentVariableModel):
        raise ZooError(
            f"{options.name} draws no images from latents: it is a {type(model).__name__}"
        )
    refuse_classes(options, model)
    return model


def refuse_classes(options: Namespace, model: "ZooModule") -> None:
    """Refuse a model whose images a latent alone does not tell."""
    from zoo.core.latent_models import ConditionalModel

    if isinstance(model, ConditionalModel):
        raise ZooError(f"{options.name} draws by a class, too: choose a model that does not")
