"""Geometric GAN. Lim & Ye, 2017, https://arxiv.org/abs/1705.02894"""

from zoo.gans.dcgan import DCGAN
from zoo.losses.adversarial import hinge


class GeometricGAN(DCGAN):
    """DCGAN, judged by the margin of a support vector machine: the hinge loss."""

    loss = hinge
