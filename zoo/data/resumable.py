"""Resumable order of training batches: a function of seed and epoch, from any batch on."""

from collections.abc import Iterator, Sized
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from zoo.errors import BadRecipe

Batch = tuple[Tensor, Tensor]


class ResumableSampler(DistributedSampler[int]):
    """The indices of a rank in a shuffled epoch; `Trainer` sets the epoch.

    The next pass leaves out the first `start` indices, which an interrupted epoch has used.
    """

    start = 0

    def __iter__(self) -> Iterator[int]:
        start, self.start = self.start, 0
        return islice(super().__iter__(), start, None)


class ResumableLoader(DataLoader[Batch]):
    """Batches of an epoch in the order of a ResumableSampler; its state counts those yielded.

    It uses no random numbers of torch's global generator. Raises BadRecipe where a training resumes
    within an epoch with another number of examples, batch size or number of ranks.
    """

    yielded = 0  # batches of this epoch
    skip = 0  # batches that the next pass leaves out

    def __init__(
        self, images: Dataset[Batch], batch_size: int, order: ResumableSampler, workers: int = 0
    ):
        super().__init__(
            images,
            batch_size,
            sampler=order,
            drop_last=True,
            collate_fn=identity_collate,
            num_workers=workers,
            generator=torch.Generator(),
        )
        self.order = order

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """A generator, so that it begins at the first batch: only then is the epoch set."""
        self.yielded, self.skip = self.skip, 0
        self.order.start = self.yielded * cast(int, self.batch_size)  # indices of skipped batches
        for batch in super().__iter__():
            self.yielded += 1
            yield batch

    def layout(self) -> list[int]:
        """The numbers of examples, of examples in a batch and of ranks, fixed within an epoch."""
        examples = len(cast(Sized, self.dataset))
        return [examples, cast(int, self.batch_size), self.order.num_replicas]

    def state_dict(self) -> dict[str, Any]:
        return {"yielded": self.yielded, "layout": self.layout()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["yielded"] and state["layout"] != self.layout():
            before, now = (
                "{} images in batches of {} on {} devices".format(*layout)
                for layout in (state["layout"], self.layout())
            )
            raise BadRecipe(
                f"a training resumed within an epoch must have {before}, got {now}. Restore these "
                "settings, or resume from the checkpoint of an epoch's end"
            )
        self.skip = state["yielded"]


def identity_collate(batch: Any) -> Any:
    """The batch, which the data set has collated already."""
    return batch
