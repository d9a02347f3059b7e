"""What watches a training: pictures, distances and alarms."""

from zoo.callbacks.alarms import CollapseWarning
from zoo.callbacks.averaging import EMAWithWarmup
from zoo.callbacks.checkpoints import Checkpoint
from zoo.callbacks.class_coverage import ForgottenClasses
from zoo.callbacks.collapse import ModeCollapse, PosteriorCollapse
from zoo.callbacks.compilation import Compile
from zoo.callbacks.divergence import Guard
from zoo.callbacks.frechet import FrechetDistance
from zoo.callbacks.init_bias import MeanImage
from zoo.callbacks.run_metadata import Logbook, Pace
from zoo.callbacks.sample_grid import Reconstructions, SampleGrid

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
