"""What callbacks ask of a recipe, refused in words before training starts."""

from lightning import Callback, LightningModule, Trainer

from zoo.core.protocols import SupportsReconstruction, SupportsSampling
from zoo.data.images import ImageDataModule
from zoo.errors import BadRecipe


def require_sampling(callback: Callback, model: LightningModule) -> SupportsSampling:
    """The model, as one that draws images; raises BadRecipe."""
    if not isinstance(model, SupportsSampling):
        raise refusal(callback, f"a model with `sample(n, seed)`, which {name(model)} has not")
    return model


def require_reconstruction(callback: Callback, model: LightningModule) -> SupportsReconstruction:
    """The model, as one that returns images; raises BadRecipe."""
    if not isinstance(model, SupportsReconstruction):
        raise refusal(callback, f"a model with `reconstruct(x)`, which {name(model)} has not")
    return model


def require_image_data(callback: Callback, trainer: Trainer) -> ImageDataModule:
    """The data set that is trained on; raises BadRecipe."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, ImageDataModule):
        raise refusal(callback, f"data of zoo.data, not {name(data)}")
    return data


def refusal(callback: Callback, need: str) -> BadRecipe:
    return BadRecipe(f"{name(callback)} needs {need}: take it out of the recipe's callbacks")


def name(thing: object) -> str:
    return type(thing).__name__
