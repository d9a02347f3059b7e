"""Geometric GAN. Lim & Ye, 2017, https://arxiv.org/abs/1705.02894"""

from zoo.gans.dcgan import DCGAN
from zoo.losses.adversarial import hinge


class GeometricGAN(DCGAN):
    """DCGAN with the hinge loss, which maximizes the margin of a support vector machine."""

    loss = hinge
