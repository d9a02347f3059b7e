"""What watches a training: pictures, distances and alarms."""

from recipes.callbacks.averaging import EMAWithWarmup
from recipes.callbacks.beginning import MeanImage
from recipes.callbacks.checkpoints import Checkpoint
from recipes.callbacks.collapse import ModeCollapse, PosteriorCollapse
from recipes.callbacks.compilation import Compile
from recipes.callbacks.forgetting import ForgottenClasses
from recipes.callbacks.frechet import FrechetDistance
from recipes.callbacks.guard import Guard
from recipes.callbacks.logbook import Logbook, Pace
from recipes.callbacks.pictures import Reconstructions, SampleGrid
from recipes.callbacks.watch import CollapseWarning

__all__ = [
    "Checkpoint",
    "CollapseWarning",
    "Compile",
    "EMAWithWarmup",
    "ForgottenClasses",
    "FrechetDistance",
    "Guard",
    "Logbook",
    "MeanImage",
    "ModeCollapse",
    "Pace",
    "PosteriorCollapse",
    "Reconstructions",
    "SampleGrid",
]
