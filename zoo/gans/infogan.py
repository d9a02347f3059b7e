"""InfoGAN. Chen et al., 2016, https://arxiv.org/abs/1606.03657

Part of the latent is a code whose mutual information with the image is kept high, so that it comes
to mean something: a class, a slant, a width.
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
from zoo.core.module import eval_in_chunks
from zoo.gans import dcgan
from zoo.layers.noise import normal, uniform
from zoo.layers.precision import at_least_float32
from zoo.losses.adversarial import non_saturating


class DiscriminatorWithQ(nn.Module):
    """Images (n, channels, size, size) to logits (n,) of being real and to Q's parameters
    (n, categories + 2 * continuous), which share all but the last layers."""

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
        seen = self.body(x)
        return self.source(seen).flatten(), self.code(seen)


class InfoGAN(LatentAdversarialModule):
    """A latent is `noise` normal numbers, one of `categories` and `continuous` numbers in [-1, 1],
    side by side; the defaults are the paper's for MNIST, on DCGAN's networks. `continuous_weight`
    is lambda for the continuous codes, of which an image can tell any number of nats; it is one for
    the categories (section 6)."""

    inference_modules = None  # Q, which encodes, is a part of the discriminator

    def __init__(
        self,
        size: int = 32,
        channels: int = 1,
        noise: int = 62,
        categories: int = 10,
        continuous: int = 2,
        width: int = 64,
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
        """Draw z (n, noise + categories + continuous); more of a seed continue the fewer."""
        noise, categories, continuous = self.sizes()
        draws = normal(n, noise + 1 + continuous, seed, self.device)
        even = uniform(draws[:, noise:])
        category = (even[:, 0] * categories).long().clamp(max=categories - 1)
        parts = draws[:, :noise], one_hot(category, categories), 2 * even[:, 1:] - 1
        return torch.cat(parts, 1).to(self.parameter_dtype)

    @property
    def latent_size(self) -> int:
        return sum(self.sizes())

    @property
    def min_sub_batch(self) -> int:
        return 2  # batch norm of Q's dense layer

    def sizes(self) -> tuple[int, int, int]:
        """How many normal numbers, categories and continuous codes a latent has."""
        hparams = self.hparams
        return hparams["noise"], hparams["categories"], hparams["continuous"]

    def mutual_information_bound(self, code: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """L_I(G, Q) of the categories and of the continuous codes, scalars in nats: the bound of
        equation 5 on the mutual information of codes of z and their images, from Q's parameters."""
        noise, categories, continuous = self.sizes()
        _, category, c = at_least_float32(z).split((noise, categories, continuous), dim=1)
        logits, mean, log_std = at_least_float32(code).split(
            (categories, continuous, continuous), dim=1
        )
        q = Normal(mean, log_std.clamp(-5, 5).exp(), validate_args=False)
        of_category = math.log(categories) - cross_entropy(logits, category)
        return of_category, continuous * math.log(2) + q.log_prob(c).sum(1).mean()

    def gain(self, of_category: Tensor, of_continuous: Tensor) -> Tensor:
        """Lambda times L_I, a scalar."""
        return of_category + self.hparams["continuous_weight"] * of_continuous

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Equation 6: G, and Q with it, ascend lambda L_I; Q's layers are D's."""
        D, G = self.discriminator, self.generator
        real, _ = batch
        z = self.prior(len(real))
        fake = G(z)

        with self.turn("discriminator") as descend:
            (real_source, _), (fake_source, code) = D(real), D(fake.detach())
            loss = non_saturating.discriminator(real_source, fake_source)
            descend(loss - self.gain(*self.mutual_information_bound(code, z)))

        with self.turn("generator") as descend:
            source, code = D(fake)
            of_category, of_continuous = self.mutual_information_bound(code, z)
            descend(non_saturating.generator(source) - self.gain(of_category, of_continuous))
        self.log_on_interval({"information": of_category + of_continuous})

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to what Q makes of them, (n, latent): nothing of the
        noise, which is zero; probabilities of the categories; means of the continuous codes."""
        noise, categories, continuous = self.sizes()
        x = self.validate_images(x)
        code = eval_in_chunks(self.discriminator, x, lambda chunk: self.discriminator(chunk)[1])
        code = at_least_float32(code)
        logits, mean, _ = code.split((categories, continuous, continuous), dim=1)
        return torch.cat([code.new_zeros(len(x), noise), logits.softmax(1), mean], 1)

    def predict_category(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to the likeliest category (n,)."""
        noise, categories, _ = self.sizes()
        return self.encode(x)[:, noise : noise + categories].argmax(1)

    def traverse_codes(self, z: Tensor, steps: int, reach: float) -> list[Tensor]:
        """What figure 2 draws: latents z (n, latent) in every category, (n * categories, latent),
        then with each continuous code from -reach to +reach times its standard deviation in the
        prior, the others staying: (n * steps, latent) each."""
        check_count(steps, "steps")
        noise, categories, continuous = self.sizes()
        z = self.validate_latents(z)
        every, each = z.repeat_interleave(categories, 0), torch.eye(categories, device=z.device)
        every[:, noise : noise + categories] = each.repeat(len(z), 1)
        values = torch.linspace(-reach, reach, steps, device=z.device) / 3**0.5
        found = [every]
        for code in range(noise + categories, noise + categories + continuous):
            moved = z.repeat_interleave(steps, 0)
            moved[:, code] = values.repeat(len(z))
            found.append(moved)
        return found
