"""What watches a training: pictures, distances and alarms."""

from recipes.callbacks.collapse import ModeCollapse, PosteriorCollapse
from recipes.callbacks.forgetting import ForgottenClasses
from recipes.callbacks.frechet import FrechetDistance
from recipes.callbacks.logbook import Logbook
from recipes.callbacks.pictures import Reconstructions, SampleGrid
from recipes.callbacks.watch import CollapseWarning

__all__ = [
    "CollapseWarning",
    "ForgottenClasses",
    "FrechetDistance",
    "Logbook",
    "ModeCollapse",
    "PosteriorCollapse",
    "Reconstructions",
    "SampleGrid",
]
