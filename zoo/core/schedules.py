"""Learning-rate schedules for resumed trainings."""

import math
from typing import Any

from torch.optim.lr_scheduler import OneCycleLR

from zoo.errors import BadRecipe


def finite_steps(steps: float) -> int:
    """The number of steps of a training; raises BadRecipe for a training without a limit."""
    if not 1 <= steps < math.inf:
        raise BadRecipe(
            f"the number of steps must be finite for a learning-rate schedule, got {steps}. Set "
            "trainer.max_epochs"
        )
    return int(steps)


class ResumableOneCycleLR(OneCycleLR):
    """OneCycleLR with the length of the current training, not that in its checkpoint: a training
    resumed with more steps continues at its step of the longer cycle.

    Smith & Topin, 2017, https://arxiv.org/abs/1708.07120
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        length = {"total_steps": self.total_steps, "_schedule_phases": self._schedule_phases}
        super().load_state_dict(state_dict | length)
