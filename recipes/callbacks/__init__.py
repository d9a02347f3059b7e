"""What watches a training: pictures, distances and alarms."""

from recipes.callbacks.beginning import MeanImage
from recipes.callbacks.collapse import CollapseWarning, ModeCollapse, PosteriorCollapse
from recipes.callbacks.frechet import FrechetDistance
from recipes.callbacks.logbook import Logbook
from recipes.callbacks.pictures import Reconstructions, SampleGrid

__all__ = [
    "CollapseWarning",
    "FrechetDistance",
    "Logbook",
    "MeanImage",
    "ModeCollapse",
    "PosteriorCollapse",
    "Reconstructions",
    "SampleGrid",
]
