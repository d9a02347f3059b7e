"""In what order the images of an epoch come: a function of seed and epoch, from any batch on."""

from collections.abc import Iterator, Sized
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from zoo.errors import BadRecipe

Batch = tuple[Tensor, Tensor]


class ResumableSampler(DistributedSampler[int]):
    """A rank's share of an epoch, shuffled in whole; the Trainer says which epoch it is."""

    start = 0  # the first images of the next pass are left out: they were seen before a stop

    def __iter__(self) -> Iterator[int]:
        start, self.start = self.start, 0
        return islice(super().__iter__(), start, None)


class ResumableLoader(DataLoader[Batch]):
    """Batches of an epoch in their order; it knows how many it has given, and goes on from there.

    It draws nothing from torch's own stream of random numbers. Raises BadRecipe where a training
    would go on in the middle of an epoch with batches of another size.
    """

    given = 0  # batches of this epoch
    skipped = 0  # batches that the next pass leaves out

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
        """Begin when the first batch is asked for: only then is the epoch known."""
        self.given, self.skipped = self.skipped, 0
        self.order.start = self.given * cast(int, self.batch_size)
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def share(self) -> list[int]:
        """What must not change in the middle of an epoch."""
        images = len(cast(Sized, self.dataset))
        return [images, cast(int, self.batch_size), self.order.num_replicas]

    def state_dict(self) -> dict[str, Any]:
        return {"given": self.given, "share": self.share()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["given"] and state["share"] != self.share():
            then, now = (
                "{} images in batches of {} on {} devices".format(*s)
                for s in (state["share"], self.share())
            )
            raise BadRecipe(
                f"the training stopped in the middle of an epoch of {then}: go on with these, not "
                f"with {now}, or from the checkpoint of an epoch's end"
            )
        self.skipped = state["given"]


def identity_collate(batch: Any) -> Any:
    return batch
