"""InfoGAN. Chen et al., 2016, https://arxiv.org/abs/1606.03657

A part of the latent is a code. Training maximizes a bound on its mutual information with the image,
so that it becomes interpretable: a class, a slant, a width.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import cross_entropy, one_hot
from torch.optim import Adam, Optimizer

from zoo.checks import check_count
from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.module import eval_in_chunks
from zoo.gans import dcgan
from zoo.layers.noise import normal, uniform
from zoo.layers.precision import at_least_float32
from zoo.losses.adversarial import non_saturating


class DiscriminatorWithQ(nn.Module):
    """Map images (n, channels, size, size) to logits (n,) and to Q's parameters (n, codes).

    `codes` is categories + 2 * continuous. Both outputs share all but the last layers.
    """

    def __init__(self, codes: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        features = dcgan.widest(width, size)
        self.body = nn.Sequential(*dcgan.body(width, size, channels))
        self.source = nn.Conv2d(features, 1, 4, bias=False)
        self.code = nn.Sequential(
            nn.Conv2d(features, 128, 4, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(128, codes),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.source(features).flatten(), self.code(features)


class InfoGAN(LatentAdversarialModule):
    """InfoGAN on DCGAN's networks, with the paper's defaults for MNIST.

    A latent concatenates `noise` normal numbers, a one-hot vector of `categories`, and `continuous`
    numbers in [-1, 1]. `continuous_weight` is lambda for the continuous codes, whose mutual
    information is unbounded; lambda is one for the categories (section 6).
    """

    inference_modules = None  # all modules: the encoder Q is a part of the discriminator

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 1,
        noise: int = 62,
        categories: Count = 10,
        continuous: int = 2,
        width: Width = 64,
        lr: float = 2e-4,
        generator_lr: float = 1e-3,
        continuous_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        latent, codes = noise + categories + continuous, categories + 2 * continuous
        self.generator = dcgan.Generator(latent, width, size, channels)
        self.discriminator = DiscriminatorWithQ(codes, width, size, channels)
        self.apply(dcgan.initialize).to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, betas=(0.5, 0.999))
        return {
            "discriminator": adam(self.discriminator.parameters(), lr=self.hparams["lr"]),
            "generator": adam(self.generator.parameters(), lr=self.hparams["generator_lr"]),
        }

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Sample latents z (n, noise + categories + continuous).

        With a seed, a larger n extends the latents of a smaller n.
        """
        noise, categories, continuous = self.sizes()
        samples = normal(n, noise + 1 + continuous, seed, self.device)
        unit = uniform(samples[:, noise:])  # (n, 1 + continuous): the first column is the category
        category = (unit[:, 0] * categories).long().clamp(max=categories - 1)
        parts = samples[:, :noise], one_hot(category, categories), 2 * unit[:, 1:] - 1
        return torch.cat(parts, 1).to(self.parameter_dtype)

    @property
    def latent_size(self) -> int:
        return sum(self.sizes())

    @property
    def min_sub_batch(self) -> int:
        return 2  # batch norm of Q's dense layer

    def sizes(self) -> tuple[int, int, int]:
        """Widths of the three parts of a latent: noise, categories, continuous codes."""
        hparams = self.hparams
        return hparams["noise"], hparams["categories"], hparams["continuous"]

    def mutual_information_bound(self, code: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """L_I(G, Q) of the categories and of the continuous codes, two scalars in nats.

        Lower bounds (equation 5) on the mutual information of the codes in z (n, latent) and their
        images, from Q's parameters `code` (n, categories + 2 * continuous).
        """
        noise, categories, continuous = self.sizes()
        _, category, c = at_least_float32(z).split((noise, categories, continuous), dim=1)
        logits, mean, log_std = at_least_float32(code).split(
            (categories, continuous, continuous), dim=1
        )
        q = Normal(mean, log_std.clamp(-5, 5).exp(), validate_args=False)
        categorical = math.log(categories) - cross_entropy(logits, category)  # H(c) = log K
        return categorical, continuous * math.log(2) + q.log_prob(c).sum(1).mean()  # H(c) = log 2

    def weighted_bound(self, categorical: Tensor, continuous: Tensor) -> Tensor:
        """Sum of both bounds, each times its lambda, a scalar."""
        return categorical + self.hparams["continuous_weight"] * continuous

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of each player on equation 6.

        Both ascend lambda L_I(G, Q), because Q shares its layers with D.
        """
        D, G = self.discriminator, self.generator
        real, _ = batch
        z = self.prior(len(real))
        fake = G(z)

        with self.turn("discriminator") as descend:
            (real_source, _), (fake_source, code) = D(real), D(fake.detach())
            loss = non_saturating.discriminator(real_source, fake_source)
            descend(loss - self.weighted_bound(*self.mutual_information_bound(code, z)))

        with self.turn("generator") as descend:
            source, code = D(fake)
            categorical, continuous = self.mutual_information_bound(code, z)
            bound = self.weighted_bound(categorical, continuous)
            descend(non_saturating.generator(source) - bound)
        self.log_on_interval({"information": categorical + continuous})

    def encode(self, x: Tensor) -> Tensor:
        """Q's estimate (n, latent) of the latents of images (n, channels, size, size) in [-1, 1].

        The noise is zero; the categories are probabilities; the continuous codes are means.
        """
        noise, categories, continuous = self.sizes()
        x = self.validate_images(x)
        code = eval_in_chunks(self.discriminator, x, lambda chunk: self.discriminator(chunk)[1])
        code = at_least_float32(code)
        logits, mean, _ = code.split((categories, continuous, continuous), dim=1)
        return torch.cat([code.new_zeros(len(x), noise), logits.softmax(1), mean], 1)

    def predict_category(self, x: Tensor) -> Tensor:
        """Most probable category (n,) of images (n, channels, size, size) in [-1, 1]."""
        noise, categories, _ = self.sizes()
        return self.encode(x)[:, noise : noise + categories].argmax(1)

    def traverse_codes(self, z: Tensor, steps: int, reach: float) -> list[Tensor]:
        """Vary one code of latents z (n, latent) at a time, as in figure 2.

        The first tensor (n * categories, latent) has every z in each category. One tensor
        (n * steps, latent) for each continuous code moves the code from -reach to +reach standard
        deviations of the prior. Raises BadInput for invalid latents or a negative `steps`.
        """
        check_count(steps, "steps")
        noise, categories, continuous = self.sizes()
        z = self.validate_latents(z)
        by_category = z.repeat_interleave(categories, 0)  # rows z_1 (K times), z_2 (K times), ...
        one_hots = torch.eye(categories, device=z.device).repeat(len(z), 1)
        by_category[:, noise : noise + categories] = one_hots
        values = torch.linspace(-reach, reach, steps, device=z.device) / 3**0.5  # std of U[-1, 1]
        traversals = [by_category]
        for code in range(noise + categories, noise + categories + continuous):
            varied = z.repeat_interleave(steps, 0)
            varied[:, code] = values.repeat(len(z))
            traversals.append(varied)
        return traversals
