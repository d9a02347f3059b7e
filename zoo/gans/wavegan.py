"""WaveGAN. Donahue, McAuley & Puckette, 2019, https://arxiv.org/abs/1802.04208

DCGAN for raw waveforms: convolutions over one dimension with longer kernels (25) and larger strides
(4), and a critic that cannot learn the phase at which artifacts of upsampling occur.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.modality import Audio
from zoo.errors import BadRecipe
from zoo.layers.noise import normal, uniform
from zoo.losses.adversarial import non_saturating, wasserstein
from zoo.losses.penalties import gradient_penalty, r1

Function = Callable[[Tensor], Tensor]

KERNEL, STRIDE, LAYERS = 25, 4, 5
R1_INTERVAL = 8  # steps of the critic
RATIO = STRIDE**LAYERS  # samples of a waveform for each position of the shortest feature map


class Generator(nn.Sequential):
    """Map latents (n, latent) to waveforms (n, 1, length) in [-1, 1]: table 3 of the paper."""

    def __init__(self, latent: int, width: int, length: int) -> None:
        widths, start = widening(width)[::-1], length // RATIO  # 16d, 8d, 4d, 2d, d
        super().__init__(
            nn.Linear(latent, widths[0] * start),
            nn.Unflatten(1, (widths[0], start)),
            nn.ReLU(),
            *(upsample(a, b) for a, b in pairwise(widths)),
            transposed(width, 1),
            nn.Tanh(),
        )


class Critic(nn.Sequential):
    """Map waveforms (n, 1, length) to scores (n,): table 4 of the paper."""

    def __init__(self, width: int, length: int, shuffle: int) -> None:
        *inner, last = pairwise([1, *widening(width)])
        super().__init__(
            *(nn.Sequential(downsample(a, b), PhaseShuffle(shuffle)) for a, b in inner),
            downsample(*last),  # the shortest map is not shuffled
            nn.Flatten(),
            nn.Linear(last[1] * (length // RATIO), 1),
            nn.Flatten(0),
        )


class PhaseShuffle(nn.Module):
    """Shift feature maps (n, c, t) by -n to n samples, the same for a batch, and fill the gap by
    reflection (section 3.3). Nothing is shifted in evaluation mode."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Tensor) -> Tensor:
        if not self.n or not self.training:
            return x
        start = int(torch.randint(0, 2 * self.n + 1, ()))  # in the padded map; n is no shift
        return pad(x, (self.n, self.n), mode="reflect")[..., start : start + x.shape[-1]]


def widening(width: int) -> list[int]:
    """Channels of the feature maps, from the longest: d, 2d, 4d, 8d, 16d."""
    return [width << layer for layer in range(LAYERS)]


def transposed(a: int, b: int) -> nn.ConvTranspose1d:
    """Map feature maps (n, a, t) to (n, b, 4 t)."""
    return nn.ConvTranspose1d(a, b, KERNEL, STRIDE, padding=11, output_padding=1)


def upsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, t) to (n, b, 4 t)."""
    return nn.Sequential(transposed(a, b), nn.ReLU())


def initialize(layer: nn.Module) -> None:
    """Sample weights as Glorot & Bengio, 2010, and set biases to zero, as the authors' framework
    does. With the larger biases of PyTorch all latents begin as one sound, and stay so."""
    if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def downsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, t) to (n, b, t / 4)."""
    return nn.Sequential(nn.Conv1d(a, b, KERNEL, STRIDE, padding=11), nn.LeakyReLU(0.2))


class SoundGAN(LatentAdversarialModule):
    """A generator and a `critic` of sounds of `length` samples at `rate`, with latents uniform in
    [-1, 1]."""

    critic: nn.Module

    @property
    def modality(self) -> Audio:
        return Audio(self.hparams["length"], self.hparams["rate"])

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Sample z (n, latent), uniform in [-1, 1]."""
        z = 2 * uniform(normal(n, self.latent_size, seed, self.device)) - 1
        return z.to(self.parameter_dtype)

    def players(self) -> dict[str, Optimizer]:
        betas = (0.0, 0.99) if self.hparams["r1_weight"] else (0.5, 0.9)
        adam = partial(Adam, lr=self.hparams["lr"], betas=betas)
        return {
            "critic": adam(self.critic.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def r1_step(self, critic: Function, generator: Function, real: Tensor) -> None:
        """Take a step of the critic and one of G on the logistic loss; R1 is applied at intervals.
        Both may have labels fixed by `partial`.

        Mescheder et al., 2018, https://arxiv.org/abs/1801.04406; Karras et al., 2020, section 3.1
        """
        D, G, step = critic, generator, self.global_step
        fake = G(self.prior(len(real)))

        with self.turn("critic") as descend:
            loss = non_saturating.discriminator(D(real), D(fake.detach()))
            if step % R1_INTERVAL == 0:
                loss = loss + R1_INTERVAL * self.hparams["r1_weight"] * r1(D, real)
            descend(loss)

        with self.turn("generator") as descend:
            descend(non_saturating.generator(D(fake)))


def check_length(length: int, shuffle: int) -> None:
    """Raise BadRecipe for a length that the networks do not have."""
    if length % RATIO or not 0 <= STRIDE * shuffle < length // 256:
        raise BadRecipe(
            f"length must be a multiple of {RATIO} and > {RATIO} * shuffle, got {length} with "
            f"shuffle {shuffle}. Set length to 16384, or shuffle to 0"
        )


class WaveGAN(SoundGAN):
    """WaveGAN with the paper's defaults: 16,384 samples at 16 kHz, latents uniform in [-1, 1], five
    critic steps and a gradient penalty of weight ten.

    `width` is the paper's d, `shuffle` its n. With an `r1_weight` the players take one step each on
    the logistic loss, and R1 penalizes the critic at every eighth step, in place of the paper's
    WGAN-GP: a fifth of the cost. Raises BadRecipe unless `length` is a multiple of
    1,024 and, for reflection, longer than 1,024 * `shuffle`.
    """

    double_backward = True

    def __init__(
        self,
        length: Count = 16384,
        rate: Count = 16000,
        latent: Count = 100,
        width: Width = 64,
        shuffle: int = 2,
        discriminator_steps: Count = 5,
        gradient_penalty_weight: float = 10.0,
        lr: float = 1e-4,
        r1_weight: float = 0.0,
    ) -> None:
        super().__init__()
        check_length(length, shuffle)
        self.save_hyperparameters()
        self.generator = Generator(latent, width, length)
        self.critic = Critic(width, length, shuffle)
        self.apply(initialize)

    @property
    def sub_batches(self) -> int:
        return 1 if self.hparams["r1_weight"] else int(self.hparams["discriminator_steps"])

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of the paper's algorithm, or of the cheaper one with an `r1_weight`."""
        x, _ = batch
        if self.hparams["r1_weight"]:
            self.r1_step(self.critic, self.generator, x)
        else:
            self.wgan_gp_step(x)

    def wgan_gp_step(self, x: Tensor) -> None:
        """Take `discriminator_steps` of the critic, each on its own sub-batch, then one step of G.

        Algorithm 1 of Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028
        """
        D, G = self.critic, self.generator
        sub_batches = self.split_batch(x)

        for real in sub_batches:
            with self.turn("critic") as descend:
                fake = G(self.prior(len(real)))
                penalty = self.hparams["gradient_penalty_weight"] * gradient_penalty(D, real, fake)
                descend(wasserstein.discriminator(D(real), D(fake)) + penalty)

        with self.turn("generator") as descend:
            fake = G(self.prior(len(sub_batches[0])))
            descend(wasserstein.generator(D(fake)))
