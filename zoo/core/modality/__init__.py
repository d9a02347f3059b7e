"""What the data of a model is: images or pairs of them, text, music, sound, series, tables, shapes.

A data module owns a modality, a model names the one that it takes. Normalization, toy data,
rendered files and the check of one against the other belong to the modality. Training, export,
callbacks and the command line go through it, so that a new one needs no change there.
"""

from zoo.core.modality.audio import Audio
from zoo.core.modality.base import Mismatch, Modality
from zoo.core.modality.clips import Clips
from zoo.core.modality.images import (
    ImagePairs,
    Images,
    Restorations,
    UnpairedImages,
    normalize,
)
from zoo.core.modality.label_maps import LabelMaps
from zoo.core.modality.music import Music
from zoo.core.modality.series import Series
from zoo.core.modality.table import Table
from zoo.core.modality.text import Text
from zoo.core.modality.voxels import Voxels

__all__ = [
    "Audio",
    "Clips",
    "ImagePairs",
    "Images",
    "LabelMaps",
    "Mismatch",
    "Modality",
    "Music",
    "Restorations",
    "Series",
    "Table",
    "Text",
    "UnpairedImages",
    "Voxels",
    "modality_of",
    "normalize",
]


def modality_of(model: object, default: Modality | None = None) -> Modality:
    """The modality that a model, or a data module, declares, else the default, else images."""
    found = getattr(model, "modality", None)
    return found if isinstance(found, Modality) else default or Images()
