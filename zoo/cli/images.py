"""Images and models of commands: of a data set or of a folder, by the commands' arguments."""

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
    """Add the arguments of commands that use images of a data set."""
    add_recipe(add)
    add("--split", choices=["test", "train"], default="test", help="split of the data (test)")


def add_recipe(add: Add) -> None:
    """Add the argument of commands that use a data set as a whole."""
    add("--recipe", metavar="NAME|FILE", help="recipe whose data to use (that of the same name)")


def add_folder(add: Add) -> None:
    """Add the arguments of commands that also use a folder of pictures, without labels."""
    add("--folder", type=Path, help="use your own pictures: their center squares, resized")
    add(
        "--unreadable",
        choices=["stop", "skip"],
        default="stop",
        help="what to do with unreadable pictures of the folder (stop)",
    )


def data_for(options: Namespace, model: "ZooModule") -> "ImageDataModule":
    """Data set of `--recipe`, or of the model's own recipe; raises ZooError if it does not fit."""
    from zoo.data.images import ImageDataModule
    from zoo.evaluation.applicable import check
    from zoo.evaluation.training_data import data_of

    name = options.recipe or catalog.stem(options.name)
    if options.recipe is None and name not in catalog.list_recipes():
        raise ZooError(f"there is no recipe called {name}. Name the recipe of the data by --recipe")
    data = data_of(name)
    check(model, data)
    if not isinstance(data, ImageDataModule):
        raise ZooError(
            f"the data of {name} must be images, got {data.modality.noun}. Name a recipe with "
            "images by --recipe"
        )
    return data


def images_for(options: Namespace, model: "ZooModule", n: int | None = None) -> "Examples":
    """First n images of `--folder`, or of the split of the data set; all images if n is None."""
    from zoo.evaluation.records import take

    if getattr(options, "folder", None) is None:
        images = data_for(options, model).images(options.split)
    else:
        images = pictures_of_folder(options, model)
    return take(images, len(images.pixels) if n is None else n)


def pictures_of_folder(options: Namespace, model: "ZooModule") -> "Examples":
    """All pictures below `--folder`, with the size and the channels of the model."""
    from zoo.data import ImageFolder
    from zoo.data.inventory import join_faults

    size, channels = model.hparams.get("size"), model.hparams.get("channels")
    if size is None or channels is None:
        data_set = data_for(options, model)
        size, channels = data_set.size, data_set.channels
    folder, unreadable = str(options.folder), options.unreadable
    data = ImageFolder(folder, size, channels=channels, unreadable=unreadable)
    if data.all_images and data.inventory.faults:
        print(f"skipped: {join_faults(data.inventory.faults)}", file=sys.stderr)
    return data.all_images


def load_codec(options: Namespace) -> tuple["ZooModule", "Codec"]:
    """Load the model, returned as a ZooModule and as a Codec; raises ZooError for other models."""
    from zoo.core.protocols import Codec

    model = catalog.load(options.name, options.device)
    if not isinstance(model, Codec):
        raise ZooError(
            f"the model must encode and decode images, got {options.name}, a "
            f"{type(model).__name__}. Choose an autoencoder or a VAE"
        )
    return model, model


def load_reconstructor(options: Namespace) -> tuple["ZooModule", "SupportsReconstruction"]:
    """Load the model, returned as a ZooModule and as SupportsReconstruction.

    Raises ZooError for models that do not reconstruct images.
    """
    from zoo.core.protocols import SupportsReconstruction

    model = catalog.load(options.name, options.device)
    if not isinstance(model, SupportsReconstruction):
        raise ZooError(
            f"the model must reconstruct images, got {options.name}, a {type(model).__name__}. "
            "Choose an autoencoder or a VAE"
        )
    return model, model


def load_generator(options: Namespace) -> "LatentVariableModel":
    """Load the model; raises ZooError unless it decodes images from latents alone."""
    from zoo.core.latent_models import LatentVariableModel

    model = catalog.load(options.name, options.device)
    if not isinstance(model, LatentVariableModel):
        raise ZooError(
            f"the model must decode images from latents, got {options.name}, a "
            f"{type(model).__name__}. Choose a GAN or a VAE"
        )
    require_unconditional(options, model)
    return model


def require_unconditional(options: Namespace, model: "ZooModule") -> None:
    """Raise ZooError for a model whose images depend on a class."""
    from zoo.core.latent_models import ConditionalModel

    if isinstance(model, ConditionalModel):
        raise ZooError(
            f"the model must be unconditional, got {options.name}, a {type(model).__name__}. "
            "Choose a model without class labels"
        )
