"""Learning-rate schedules that survive a resume."""

import math
from typing import Any

from torch.optim.lr_scheduler import OneCycleLR

from zoo.errors import BadRecipe


def finite_steps(steps: float) -> int:
    """The steps of a training, as a schedule must know them; raises BadRecipe without an end."""
    if not 1 <= steps < math.inf:
        raise BadRecipe("a learning-rate cycle needs an end: set trainer.max_epochs")
    return int(steps)


class ResumableOneCycleLR(OneCycleLR):
    """OneCycleLR whose length is that of the running training, not of the checkpoint's.

    A training that resumes with more steps goes on at its step of the longer cycle. Smith & Topin,
    2017, https://arxiv.org/abs/1708.07120
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        length = {"total_steps": self.total_steps, "_schedule_phases": self._schedule_phases}
        super().load_state_dict(state_dict | length)
