"""Callbacks: sample grids, distances, alarms, checkpoints and run metadata."""

from zoo.callbacks.alarms import CollapseWarning
from zoo.callbacks.augmentation import AdaptAugmentation
from zoo.callbacks.averaging import EMAWithWarmup
from zoo.callbacks.checkpoints import Checkpoint
from zoo.callbacks.class_coverage import ClassCoverage
from zoo.callbacks.collapse import ModeCollapse, PosteriorCollapse
from zoo.callbacks.compilation import Compile
from zoo.callbacks.divergence import DivergenceGuard
from zoo.callbacks.frechet import FrechetDistance
from zoo.callbacks.init_bias import InitOutputBias
from zoo.callbacks.run_metadata import RunMetadata, ThroughputMonitor
from zoo.callbacks.sample_grid import Reconstructions, SampleGrid

__all__ = [
    "AdaptAugmentation",
    "Checkpoint",
    "ClassCoverage",
    "CollapseWarning",
    "Compile",
    "DivergenceGuard",
    "EMAWithWarmup",
    "FrechetDistance",
    "InitOutputBias",
    "ModeCollapse",
    "PosteriorCollapse",
    "Reconstructions",
    "RunMetadata",
    "SampleGrid",
    "ThroughputMonitor",
]
