"""A restricted Boltzmann machine, trained by contrastive divergence: no loss, no backward pass."""

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from zoo.core.module import ZooModule


class RBM(ZooModule):
    """Binary images (n, 1, size, size) and binary hidden units (n, hidden)."""

    def __init__(self, size: int = 8, channels: int = 1, hidden: int = 32, lr: float = 0.5) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.weight = nn.Parameter(0.01 * torch.randn(hidden, channels * size**2))
        self.visible = nn.Parameter(torch.zeros(channels * size**2))
        self.hidden = nn.Parameter(torch.zeros(hidden))

    def gibbs(self, v: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Hidden probabilities (n, hidden) of visible units (n, pixels), and the next visible
        probabilities (n, pixels)."""
        h = (v @ self.weight.T + self.hidden).sigmoid()
        on = (torch.rand(h.shape, generator=generator) < h.cpu()).to(h)
        return h, (on @ self.weight + self.visible).sigmoid()

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, 1, size, size) in [-1, 1] after 20 Gibbs steps."""
        generator = torch.Generator().manual_seed(torch.seed() if seed is None else seed)
        v = torch.rand(n, len(self.visible), generator=generator).to(self.device)
        for _ in range(20):
            _, v = self.gibbs(v, generator)
        size = self.hparams["size"]
        return (2 * v - 1).unflatten(1, (self.hparams["channels"], size, size))

    @torch.no_grad()
    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        v = (batch[0].flatten(1) > 0).float()
        h, model_v = self.gibbs(v)
        model_h, _ = self.gibbs(model_v)
        optimizer = self.optimizers()
        self.weight.grad = (model_h.T @ model_v - h.T @ v) / len(v)  # CD-1
        self.visible.grad = (model_v - v).mean(0)
        self.hidden.grad = (model_h - h).mean(0)
        optimizer.step()

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters(), self.hparams["lr"])
