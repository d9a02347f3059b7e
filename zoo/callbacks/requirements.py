"""Requirements of callbacks, which are checked before training starts."""

from lightning import Callback, LightningModule, Trainer

from zoo.core.modality import Images
from zoo.core.protocols import (
    SupportsPrediction,
    SupportsReconstruction,
    SupportsSampling,
    SupportsTranslation,
)
from zoo.data.adapter import adapt
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe


def require_sampling(callback: Callback, model: LightningModule) -> SupportsSampling:
    """The model, if it samples; raises BadRecipe."""
    if not isinstance(model, SupportsSampling):
        raise missing(callback, "a model with `sample(n, seed)`", model)
    return model


def require_output(callback: Callback, model: LightningModule) -> None:
    """Raise BadRecipe for a model that neither samples nor translates nor predicts."""
    if not isinstance(model, SupportsSampling | SupportsTranslation | SupportsPrediction):
        known = "a model with `sample(n, seed)`, `translate(x)` or `predict(x)`"
        raise missing(callback, known, model)


def require_reconstruction(callback: Callback, model: LightningModule) -> SupportsReconstruction:
    """The model, if it reconstructs; raises BadRecipe."""
    if not isinstance(model, SupportsReconstruction):
        raise missing(callback, "a model with `reconstruct(x)`", model)
    return model


def require_data(callback: Callback, trainer: Trainer) -> ZooDataModule:
    """The data module of the training, one of other people's code adapted; raises BadRecipe."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    if data is None:
        raise missing(callback, "a data module", data)
    return adapt(data)


def require_image_data(callback: Callback, trainer: Trainer) -> ZooDataModule:
    """The data module of the training, if it yields images; raises BadRecipe."""
    data = require_data(callback, trainer)
    if not isinstance(data.modality, Images):
        raise missing(callback, "a data module of images", data)
    return data


def missing(callback: Callback, requirement: str, given: object) -> BadRecipe:
    """The error of a callback whose requirement is not met."""
    return BadRecipe(
        f"{name(callback)} requires {requirement}, got {name(given)}. Remove it from the recipe's "
        "callbacks"
    )


def name(thing: object) -> str:
    """The name of the class of an object."""
    return type(thing).__name__
