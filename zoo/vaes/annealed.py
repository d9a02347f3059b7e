"""KL cost annealing. Bowman, Vilnis, Vinyals, Dai, Jozefowicz & Bengio, 2016, https://arxiv.org/abs/1511.06349

Common to VAEs of sequences: section 3.1.
"""

from abc import abstractmethod

from torch import Tensor
from torch.optim import Adam, Optimizer

from zoo.core.latent_models import LatentVariableModel


class AnnealedVAE(LatentVariableModel):
    """Maximizes the ELBO by Adam; the weight of the KL divergence rises to 1 in the share
    `hparams.warm_up` of the training. A subclass defines `elbo_terms`."""

    @abstractmethod
    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and KL divergence of each example (n, ...), two tensors (n,) in nats."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss beta KL(q || p) - E_q log p(x | z), in nats per example; beta rises from 0 to 1."""
        log_likelihood, divergence = (term.mean() for term in self.elbo_terms(batch[0]))
        warm_up = self.hparams["warm_up"]
        beta = min(1.0, self.progress() / warm_up) if warm_up else 1.0
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergence})
        return beta * divergence - log_likelihood

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        log_likelihood, divergence = (term.mean() for term in self.elbo_terms(batch[0]))
        values = {"val/elbo": log_likelihood - divergence, "val/divergence": divergence}
        self.log_dict(values, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"])
