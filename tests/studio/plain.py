"""A LightningModule and a LightningDataModule that know nothing of zoo."""

import torch
from lightning import LightningDataModule, LightningModule
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, TensorDataset


class Decoder(LightningModule):
    """Latents to digits by one dense layer, fitted to noise: what it draws matters little here."""

    def __init__(self, latent: int = 4, lr: float = 1e-2) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(latent, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None) -> Tensor:
        generator = torch.Generator().manual_seed(torch.seed() if seed is None else seed)
        z = torch.randn(n, self.hparams["latent"], generator=generator)
        return self.net(z.to(self.device))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        x, _ = batch
        return (self.net(torch.randn(len(x), self.hparams["latent"])) - x).square().mean()

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), self.hparams["lr"])


class PlainDigits(LightningDataModule):
    """Digits as float images in [-1, 1] with labels."""

    def __init__(self, batch_size: int = 32) -> None:
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage: str) -> None:
        x, y = load_digits(return_X_y=True)
        x = torch.from_numpy(x).float().view(-1, 1, 8, 8) / 8 - 1
        self.train, self.test = TensorDataset(x[:160], torch.from_numpy(y[:160])), x[160:200]

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, self.hparams["batch_size"], shuffle=True)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.test, self.hparams["batch_size"])
