"""The controller of adaptive discriminator augmentation."""

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from zoo.core.arguments import Count
from zoo.errors import BadRecipe
from zoo.layers.ada import AdaptiveAugment


class AdaptAugmentation(Callback):
    """Raises or lowers the probability p of augmentations until r, the mean sign of the
    discriminator's logits of real images, is `target`.

    p changes every `every_n_steps` steps, from 0 to 1 within `images` images at the fastest. It is
    a buffer of the model, so that checkpoints store it. Logs `augment_p`, and r as `overfitting`.
    Karras et al., 2020, section 3.1, https://arxiv.org/abs/2006.06676. Raises BadRecipe unless
    the model has a discriminator with the augmentation `ada` and `target` is in (0, 1).
    """

    def __init__(
        self, target: float = 0.6, every_n_steps: Count = 4, images: Count = 500_000
    ) -> None:
        if not 0 < target < 1:
            raise BadRecipe(f"target must be > 0 and < 1, got {target}. The default is 0.6")
        self.target, self.every_n_steps, self.images = target, every_n_steps, images

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and not adaptive_discriminators(pl_module):
            raise BadRecipe(
                "the model must have a discriminator with adaptive augmentation for "
                f"AdaptAugmentation, got {type(pl_module).__name__} without one. Set "
                "--model.init_args.augment '[ada]'"
            )

    @torch.no_grad()
    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        if trainer.global_step % self.every_n_steps:
            return
        images = len(batch[0]) * trainer.world_size * self.every_n_steps
        for discriminator in adaptive_discriminators(pl_module):
            signs = discriminator(batch[0]).float().sign().mean()
            r = trainer.strategy.reduce(signs, reduce_op="mean")
            assert isinstance(r, Tensor)
            p = discriminator[0].get_buffer("p")
            p.add_((r - self.target).sign() * images / self.images).clamp_(0, 1)
            pl_module.log_dict({"augment_p": p, "overfitting": r})


def adaptive_discriminators(model: nn.Module) -> list[nn.Sequential]:
    """The discriminators of a model that begin with adaptive augmentation."""
    networks = [m for m in model.modules() if isinstance(m, nn.Sequential) and len(m)]
    return [network for network in networks if isinstance(network[0], AdaptiveAugment)]
