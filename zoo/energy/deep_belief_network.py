"""Deep belief network. Hinton, Osindero & Teh, 2006, https://www.cs.toronto.edu/~hinton/absps/fastnc.pdf

Layers of binary units are learned one after another as RBMs. The top two layers, with the label
beside the lower one, are an undirected memory; the layers below generate images from it. Up-down
learning then tunes all weights together.
"""

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.optim import SGD, Optimizer

from zoo.core.arguments import Count, Width
from zoo.core.latent_models import LabeledModel
from zoo.core.module import CHUNK, eval_in_chunks
from zoo.energy.label_memory import LabelMemory
from zoo.errors import BadRecipe
from zoo.layers.binary import BinaryLayer, Layers, log_probability
from zoo.layers.noise import seeded
from zoo.layers.precision import at_least_float32
from zoo.layers.visible_units import UNITS, bernoulli
from zoo.metrics.annealing import KeptPartition, LogPartition

GREEDY = 0.7  # share of the training in which the layers are learned one by one
MOMENTUM = 0.5
FORGET = 0.01  # share of a batch in the running mean of the features
SAMPLING_STEPS = 500  # of Gibbs sampling in the memory, from the mean features


class DeepBeliefNetwork(LabeledModel):
    """A deep belief network of images and labels with the paper's layers: `widths` of 500 and 500
    units, then a memory of `memory` units above the last of them and the label.

    The first seven tenths of the training learn the layers greedily, each for an equal share, by
    contrastive divergence with one Gibbs step; the rest is up-down learning, with the numbers
    `steps` of Gibbs steps in the memory for equal shares of it (section 5). Raises BadRecipe
    without layers below the memory, and for numbers below 1.
    """

    mean: Tensor

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        classes: Count = 10,
        widths: tuple[int, ...] = (500, 500),
        memory: Width = 2000,
        steps: tuple[int, ...] = (3, 6, 10),
        greedy_lr: float = 0.05,
        lr: float = 0.01,
        weight_decay: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        if not widths or min(widths) < 1:
            raise BadRecipe(f"widths must be layers of >= 1 units, got {widths}. Set (500, 500)")
        if not steps or min(steps) < 1:
            raise BadRecipe(f"steps must be numbers >= 1, got {steps}. Set (3, 6, 10)")
        self.shape = (channels, size, size)
        sizes = [channels * size**2, *widths]
        self.recognition = Layers(BinaryLayer(a, b) for a, b in pairwise(sizes))
        self.generation = Layers(BinaryLayer(a, b) for a, b in pairwise(sizes))
        self.memory = LabelMemory(widths[-1], classes, memory)
        self.partition = KeptPartition()
        self.register_buffer("mean", torch.full((widths[-1],), 0.5))  # of the features

    def to_units(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] as probabilities (n, pixels)."""
        return (self.validate_images(x).flatten(1) + 1) / 2

    @property
    def stages(self) -> int:
        """Stages of the training: one for each layer, then up-down learning."""
        return len(self.recognition) + 2

    def stage(self) -> int:
        """The current stage, from 0."""
        greedy = self.stages - 1
        return min(greedy, int(self.progress() / GREEDY * greedy))

    def gibbs_steps(self) -> int:
        """Gibbs steps in the memory at this point of up-down learning."""
        steps = self.hparams["steps"]
        index = int(len(steps) * (self.progress() - GREEDY) / (1 - GREEDY))
        return int(steps[min(index, len(steps) - 1)])

    @torch.no_grad()
    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Learn one layer by contrastive divergence, or all by the up-down algorithm."""
        x, labels = batch
        if labels.ndim != 1:
            raise BadRecipe(
                "batches must have class labels (n,), got none. Set --data.init_args.labels true"
            )
        v, y = self.to_units(x), one_hot(labels, self.hparams["classes"]).to(x)
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        optimizer.zero_grad()
        stage = self.stage()
        if stage < len(self.recognition):
            self.learn_layer(stage, v)
        elif stage == len(self.recognition):
            self.contrast(self.memory, torch.cat([self.climb(v)[-1], y], 1))
        else:
            self.up_down(v, y)
        name = "lr" if stage == self.stages - 1 else "greedy_lr"
        for group in optimizer.param_groups:
            group["lr"] = self.hparams[name]
        optimizer.step()
        if stage < len(self.recognition):  # directions share their weights while a layer is learned
            self.generation[stage].load_state_dict(self.recognition[stage].state_dict())
        self.log_on_interval({"stage": torch.tensor(float(stage))})

    def climb(self, v: Tensor) -> list[Tensor]:
        """Probabilities (n, units) of each layer, from the pixels up to the memory's lower one."""
        found = [v]
        for layer in self.recognition:
            found.append(layer.up(found[-1]))
        return found

    def learn_layer(self, index: int, v: Tensor) -> None:
        """Contrastive divergence for one layer, on the probabilities of those below it."""
        below = self.climb(v)[index]
        self.contrast([*self.recognition][index], below)

    def contrast(self, layer: BinaryLayer, v: Tensor) -> None:
        """Set the gradients of CD-1: <h v> after a Gibbs step minus <h v> on the data."""
        h = layer.up(v)
        model = layer.down(bernoulli(h))
        self.ascend(layer, (v, h), (model, layer.up(model)))

    def ascend(
        self, layer: BinaryLayer, data: tuple[Tensor, Tensor], model: tuple[Tensor, Tensor]
    ) -> None:
        """Set the gradients of a layer from visible and hidden units on both sides."""
        (v, h), (v_model, h_model) = data, model
        decay = self.hparams["weight_decay"] * layer.weight
        n = len(v)
        self.set_gradient(layer.weight, (h_model.T @ v_model - h.T @ v) / n + decay)
        self.set_gradient(layer.visible_bias, v_model.mean(0) - v.mean(0))
        self.set_gradient(layer.hidden_bias, h_model.mean(0) - h.mean(0))

    def up_down(self, v: Tensor, y: Tensor) -> None:
        """Set the gradients of the up-down algorithm (appendix B): the wake phase teaches the
        generation, contrastive divergence the memory, and the sleep phase the recognition."""
        states = [v]
        for layer in self.recognition:
            states.append(bernoulli(layer.up(states[-1])))
        self.mean.lerp_(states[-1].mean(0), FORGET)
        for layer, below, above in zip(self.generation, states, states[1:], strict=False):
            error = layer.down(above) - below
            self.set_gradient(layer.weight, above.T @ error / len(v))
            self.set_gradient(layer.visible_bias, error.mean(0))

        top = torch.cat([states[-1], y], 1)
        h = self.memory.up(top)
        model, h_model = top, h
        for _ in range(self.gibbs_steps()):
            model = self.memory.draw(self.memory.down(bernoulli(h_model)))
            h_model = self.memory.up(model)
        self.ascend(self.memory, (top, h), (model, h_model))

        dream = model[:, : -self.hparams["classes"]]
        for layer, generated in zip(
            reversed([*self.recognition]), reversed([*self.generation]), strict=True
        ):
            below = bernoulli(generated.down(dream))
            error = layer.up(below) - dream
            self.set_gradient(layer.weight, error.T @ below / len(v))
            self.set_gradient(layer.hidden_bias, error.mean(0))
            dream = below

    def configure_optimizers(self) -> Optimizer:
        layers = [*self.recognition, *self.generation, self.memory]
        groups = [{"params": layer.parameters()} for layer in layers]  # as fused kernels need
        return SGD(groups, self.hparams["greedy_lr"], MOMENTUM)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        if y.ndim == 1:
            correct = (self.classify(x).argmax(1) == y).float()
            self.log("val/accuracy", correct.mean(), prog_bar=True, sync_dist=True)

    def features(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to features (n, widths[-1])."""
        v = self.to_units(x)
        return at_least_float32(eval_in_chunks(self, v, lambda part: self.climb(part)[-1]))

    def logits(self, features: Tensor) -> Tensor:
        """Features (n, widths[-1]) to negative free energies (n, classes) with each label."""
        return self.memory.label_logits(features.to(self.parameter_dtype))

    def classify(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to logits (n, classes)."""
        return self.logits(self.features(x))

    @torch.no_grad()
    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p(v | h) and log q(h | v) - log p(h) of images (n, channels, size, size) in [-1, 1],
        each (n,) in nats, for one sample of the units h of all layers below the memory. Gray levels
        are probabilities of white pixels (section 4 of Salakhutdinov & Murray, 2008)."""
        v = self.to_units(x)
        states, log_q = [v], torch.zeros(len(v), device=v.device)
        for layer in self.recognition:
            logits = layer.up_logits(states[-1])
            states.append(bernoulli(logits.sigmoid()))
            log_q = log_q + log_probability(logits, states[-1])
        likelihood, *between = (
            log_probability(layer.down_logits(above), below)
            for layer, below, above in zip(self.generation, states, states[1:], strict=False)
        )
        top = states[-1]
        log_top = self.logits(top).logsumexp(1) + top @ self.memory.visible_bias[: top.shape[1]]
        log_p = sum(between, log_top) - self.log_partition().value
        return likelihood, log_q - log_p

    def pixel_std(self) -> None:
        """None: the likelihood is one of binary pixels."""

    def log_partition(self) -> LogPartition:
        """log Z of the memory and its standard error, kept until a weight changes: exact for at
        most 20 units, else by annealed importance sampling, which takes minutes for 2,000."""
        base = UNITS["bernoulli"].parameter(self.mean)
        return self.partition.get(self.memory.parameters(), lambda: self.memory.log_partition(base))

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None, labels: Tensor | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] that the memory dreams of with the labels
        (n,) held fixed, by default `cyclic_labels`: mean pixels after 500 Gibbs steps. Raises
        BadInput for labels that are not classes."""
        generator = seeded(n, seed)
        chosen = self.validate_labels(n, labels)
        y = one_hot(chosen, self.hparams["classes"]).to(self.parameter_dtype)
        images = [self.dream(some, generator) for some in y.split(CHUNK)]
        return torch.cat(images) if images else torch.empty(0, *self.shape)

    def dream(self, y: Tensor, generator: torch.Generator | None) -> Tensor:
        """Images of labels (n, classes), one-hot."""
        states = bernoulli(self.mean.to(y).expand(len(y), -1), generator)
        for _ in range(SAMPLING_STEPS):
            h = bernoulli(self.memory.up(torch.cat([states, y], 1)), generator)
            states = bernoulli(self.memory.down(h)[:, : states.shape[1]], generator)
        for layer in reversed([*self.generation]):
            p = layer.down(states)
            states = bernoulli(p, generator)
        return (2 * at_least_float32(p) - 1).unflatten(1, self.shape)
