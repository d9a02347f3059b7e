"""What callbacks ask of a recipe, refused in words before training starts."""

from lightning import Callback, LightningModule, Trainer

from zoo.core.protocols import Reconstructor, Sampler
from zoo.data.images import ImageData
from zoo.errors import BadRecipe


def sampler(callback: Callback, model: LightningModule) -> Sampler:
    """The model, as one that draws images; raises BadRecipe."""
    if not isinstance(model, Sampler):
        raise refusal(callback, f"a model with `sample(n, seed)`, which {name(model)} has not")
    return model


def reconstructor(callback: Callback, model: LightningModule) -> Reconstructor:
    """The model, as one that returns images; raises BadRecipe."""
    if not isinstance(model, Reconstructor):
        raise refusal(callback, f"a model with `reconstruct(x)`, which {name(model)} has not")
    return model


def image_data(callback: Callback, trainer: Trainer) -> ImageData:
    """The data set that is trained on; raises BadRecipe."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, ImageData):
        raise refusal(callback, f"data of zoo.data, not {name(data)}")
    return data


def refusal(callback: Callback, need: str) -> BadRecipe:
    return BadRecipe(f"{name(callback)} needs {need}: take it out of the recipe's callbacks")


def name(thing: object) -> str:
    return type(thing).__name__
