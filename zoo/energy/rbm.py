"""RBM. Hinton, 2002, https://www.cs.toronto.edu/~hinton/absps/tr00-004.pdf

The restricted Boltzmann machine (Smolensky, 1986, as the harmonium) is an undirected model of
visible and hidden units. It learns by contrastive divergence: no loss and no backpropagation, only
the statistics of Gibbs samples. Persistent chains: Tieleman, 2008,
https://doi.org/10.1145/1390156.1390290
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import SGD, Optimizer

from zoo.core.arguments import Count, Width
from zoo.core.module import CHUNK, ZooModule
from zoo.errors import UnknownName
from zoo.layers.noise import seeded
from zoo.layers.precision import at_least_float32
from zoo.layers.visible_units import UNITS, Kind, Units, bernoulli
from zoo.metrics.annealing import KeptPartition, LogPartition, Parameters, log_partition

SAMPLING_STEPS = 1_000  # of Gibbs sampling, from units that are independent
MOMENTUM = 0.5
FORGET = 0.01  # share of a batch in the running mean of the data


class RBM(ZooModule):
    """An RBM with the energy E(v, h) = -b v - c h - h W v - log base(v) and binary hidden units.

    Visible units are `bernoulli`, a white pixel with a probability, or `gaussian`, pixels with a
    standard deviation of 1/4. CD-k takes `steps` Gibbs steps from the data, `persistent` takes them
    from where those of the batch before ended. The number of steps rises from 1 to `steps` during
    the training (Salakhutdinov & Murray, 2008), as `lr` falls to 0. Raises UnknownName for other
    visible units.
    """

    mean: Tensor

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        hidden: Width = 500,
        visible: Kind = "bernoulli",
        steps: Count = 1,
        persistent: bool = False,
        lr: float = 0.05,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        if visible not in UNITS:
            raise UnknownName("kind of visible units", visible, UNITS)
        pixels = channels * size**2
        self.shape = (channels, size, size)
        self.weight = nn.Parameter(0.01 * torch.randn(hidden, pixels))  # Hinton, 2010, section 8
        self.visible_bias = nn.Parameter(torch.zeros(pixels))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.register_buffer("mean", self.units.mean(torch.zeros(pixels)))  # of the data
        self.chains: Tensor | None = None
        self.partition = KeptPartition()

    @property
    def units(self) -> Units:
        """The family of the visible units."""
        return UNITS[self.hparams["visible"]]

    def to_units(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] as visible units (n, visible)."""
        return self.validate_images(x).flatten(1) * self.units.slope + self.units.offset

    def to_images(self, v: Tensor) -> Tensor:
        """Visible units (n, visible) as images (n, channels, size, size) in [-1, 1]."""
        pixels = (at_least_float32(v) - self.units.offset) / self.units.slope
        return pixels.clamp(-1, 1).unflatten(1, self.shape)

    def hidden_mean(self, v: Tensor) -> Tensor:
        """The probabilities p(h = 1 | v) (n, hidden) for visible units (n, visible)."""
        return (v @ self.weight.T + self.hidden_bias).sigmoid()

    def visible_mean(self, h: Tensor) -> Tensor:
        """The means of p(v | h) (n, visible) for hidden units (n, hidden)."""
        return self.units.mean(h @ self.weight + self.visible_bias)

    def gibbs(self, v: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
        """Visible units (n, visible) after Gibbs steps, h ~ p(h | v) and v ~ p(v | h) in each."""
        for _ in range(steps):
            h = bernoulli(self.hidden_mean(v), generator)
            v = self.units.draw(self.visible_mean(h), generator)
        return v

    def free_energy(self, x: Tensor) -> Tensor:
        """F(x) = -log sum_h exp(-E(x, h)) of images (n, channels, size, size): (n,) in nats."""
        v = self.to_units(x)
        features = v @ self.weight.T + self.hidden_bias
        return -(
            (v @ self.visible_bias).double()
            + self.units.base(v)
            + softplus(features.double()).sum(1)
        )

    def log_partition(self) -> LogPartition:
        """log Z and its standard error: exact for at most 20 hidden units, else by annealed
        importance sampling, which takes about a minute for 500. Kept until a weight changes."""
        tensors = self.weight, self.visible_bias, self.hidden_bias
        base = self.units.parameter(self.mean)
        return self.partition.get(
            tensors, lambda: log_partition(Parameters(*tensors), self.units, base)
        )

    @torch.no_grad()
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) = -F(x) - log Z of images (n, channels, size, size): (n,) in nats. With
        Bernoulli units, the images must be binary."""
        scale = self.units.log_scale * self.weight.shape[1]
        return scale - self.free_energy(x) - self.log_partition().value

    @torch.no_grad()
    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Contrastive divergence: ascend <h v> on the data minus <h v> after k Gibbs steps."""
        data = self.to_units(batch[0])
        self.mean.lerp_(data.mean(0), FORGET)
        k = 1 + int((self.hparams["steps"] - 1) * self.progress())
        model = self.gibbs(data if self.chains is None else self.chains, k)
        if self.hparams["persistent"]:
            self.chains = model

        h_data, h_model = self.hidden_mean(data), self.hidden_mean(model)
        positive, negative = h_data.T @ data / len(data), h_model.T @ model / len(model)
        decay = self.hparams["weight_decay"] * self.weight
        self.set_gradient(self.weight, negative - positive + decay)
        self.set_gradient(self.visible_bias, model.mean(0) - data.mean(0))
        self.set_gradient(self.hidden_bias, h_model.mean(0) - h_data.mean(0))
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        optimizer.param_groups[0]["lr"] = self.hparams["lr"] * (1 - self.progress())
        optimizer.step()
        self.log_on_interval({"gibbs_steps": torch.tensor(float(k))})

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log the free energy, which rises above that of the training data as an RBM overfits."""
        free_energy = self.free_energy(batch[0]).mean()
        self.log("val/free_energy", free_energy.float(), prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters(), self.hparams["lr"], MOMENTUM)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["chains"] = self.chains

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.chains = checkpoint.get("chains")

    def filters(self) -> Tensor:
        """The weights of each hidden unit as an image (hidden, channels, size, size) in [-1, 1],
        those of the largest norm first."""
        weight = self.weight.detach()
        weight = weight[weight.norm(dim=1).argsort(descending=True, stable=True)]
        scaled = weight / weight.abs().amax(1, keepdim=True).clamp(min=1e-12)
        return scaled.unflatten(1, self.shape)

    @torch.no_grad()
    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """The images of `sample`, in chunks."""
        generator = seeded(n, seed)
        means = self.mean.expand(n, -1)
        for some in means.split(CHUNK):
            v = self.gibbs(self.units.draw(some, generator), SAMPLING_STEPS, generator)
            yield self.to_images(self.visible_mean(self.hidden_mean(v)))

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] after 1,000 Gibbs steps of n chains: the mean
        pixels of the last step."""
        return torch.cat([*self.sample_chunks(n, seed)])

    @torch.no_grad()
    def gibbs_chains(self, n: int, frames: int, every: int, seed: int | None = None) -> Tensor:
        """Clips (n, frames, channels, size, size) in [-1, 1] of n Gibbs chains from independent
        units: the mean pixels after each `every` steps; a seed fixes them."""
        generator = seeded(n, seed)
        v, found = self.units.draw(self.mean.expand(n, -1), generator), list[Tensor]()
        for _ in range(frames):
            found.append(self.to_images(self.visible_mean(self.hidden_mean(v))))
            v = self.gibbs(v, every, generator)
        return torch.stack(found, 1)
