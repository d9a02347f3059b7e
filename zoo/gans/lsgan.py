"""LSGAN. Mao et al., 2016, https://arxiv.org/abs/1611.04076"""

from zoo.gans.dcgan import DCGAN
from zoo.losses.adversarial import least_squares


class LSGAN(DCGAN):
    """DCGAN with the least-squares loss instead of the cross-entropy."""

    loss = least_squares
