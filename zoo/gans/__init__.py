"""Generative adversarial networks, one paper per file."""

from zoo.gans.acgan import ACGAN
from zoo.gans.adversarial_autoencoder import AdversarialAutoencoder
from zoo.gans.bigan import BiGAN
from zoo.gans.conditional_gan import ConditionalGAN
from zoo.gans.conditional_wavegan import ConditionalWaveGAN
from zoo.gans.dcgan import DCGAN
from zoo.gans.dragan import DRAGAN
from zoo.gans.gan import GAN
from zoo.gans.gan_3d import GAN3D
from zoo.gans.geometric_gan import GeometricGAN
from zoo.gans.infogan import InfoGAN
from zoo.gans.lsgan import LSGAN
from zoo.gans.projection_gan import ProjectionGAN
from zoo.gans.r3gan import R3GAN
from zoo.gans.ragan import RaGAN
from zoo.gans.sagan import SAGAN
from zoo.gans.sngan import SNGAN
from zoo.gans.stylegan2 import StyleGAN2
from zoo.gans.vae_gan import VAEGAN
from zoo.gans.wavegan import WaveGAN
from zoo.gans.wgan import WGAN
from zoo.gans.wgan_gp import WGANGP

__all__ = [
    "ACGAN",
    "DCGAN",
    "DRAGAN",
    "GAN",
    "GAN3D",
    "LSGAN",
    "R3GAN",
    "SAGAN",
    "SNGAN",
    "VAEGAN",
    "WGAN",
    "WGANGP",
    "AdversarialAutoencoder",
    "BiGAN",
    "ConditionalGAN",
    "ConditionalWaveGAN",
    "GeometricGAN",
    "InfoGAN",
    "ProjectionGAN",
    "RaGAN",
    "StyleGAN2",
    "WaveGAN",
]
