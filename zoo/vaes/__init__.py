"""Variational, quantized and regularized autoencoders, one paper per file."""

from zoo.vaes.beta_tc import BetaTCVAE
from zoo.vaes.beta_vae import BetaVAE
from zoo.vaes.conditional_vae import ConditionalVAE
from zoo.vaes.free_bits import FreeBitsVAE
from zoo.vaes.iwae import IWAE
from zoo.vaes.rae import RAE
from zoo.vaes.recurrent_vae import RecurrentVAE
from zoo.vaes.sentence_vae import SentenceVAE
from zoo.vaes.vae import VAE
from zoo.vaes.vamp import VampVAE
from zoo.vaes.vq_vae import VQVAE
from zoo.vaes.vq_vae_2 import VQVAE2
from zoo.vaes.wae import WAE
from zoo.vaes.warm_up import WarmUpVAE

__all__ = [
    "IWAE",
    "RAE",
    "VAE",
    "VQVAE",
    "VQVAE2",
    "WAE",
    "BetaTCVAE",
    "BetaVAE",
    "ConditionalVAE",
    "FreeBitsVAE",
    "RecurrentVAE",
    "SentenceVAE",
    "VampVAE",
    "WarmUpVAE",
]
