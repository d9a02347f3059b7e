"""Translators of images to images, one paper per file."""

from zoo.translation.colorization import Colorization
from zoo.translation.context_encoder import ContextEncoder
from zoo.translation.cut import CUT
from zoo.translation.cyclegan import CycleGAN
from zoo.translation.l1 import L1Regression
from zoo.translation.pix2pix import Pix2Pix
from zoo.translation.spade import SPADE
from zoo.translation.srgan import SRGAN
from zoo.translation.srresnet import SRResNet

__all__ = [
    "CUT",
    "SPADE",
    "SRGAN",
    "Colorization",
    "ContextEncoder",
    "CycleGAN",
    "L1Regression",
    "Pix2Pix",
    "SRResNet",
]
