"""Training loops on the digits, shared by several tests."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.optim import Adam
from torch.utils.data import DataLoader

from zoo.data import Digits
from zoo.data.images import normalize

Batch = tuple[Tensor, Tensor]


BATCHES, SIZE = 8, 20


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread, so that sums have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def digits(size: int = SIZE) -> list[Batch]:
    images = Digits().images("train").pixels[: BATCHES * size]
    return [(normalize(pixels), torch.zeros(len(pixels), 0)) for pixels in images.split(size)]


def fit(
    model: LightningModule,
    epochs: int = 1,
    steps: int = -1,
    callbacks: Sequence[Callback] = (),
    resume: Path | None = None,
    batch_size: int = SIZE,
    batches: list[Batch] | None = None,
) -> Trainer:
    """Train on the digits in their own order, after seed 1."""
    own = torch.Generator()  # the loader's seed must not come from the generator of the latents
    loader = DataLoader(batches or digits(batch_size), batch_size=None, generator=own)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        max_steps=steps,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    torch.manual_seed(1)
    trainer.fit(model, loader, ckpt_path=resume)
    return trainer


def assert_same(state: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert state.keys() == other.keys()
    assert [name for name in state if not torch.equal(state[name], other[name])] == []


def descend(optimizer: Adam, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
