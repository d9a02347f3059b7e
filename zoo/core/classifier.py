"""Base classes of classifiers of images and sounds, of classes and of attributes."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from zoo.checks import check_features
from zoo.core.module import ZooModule, eval_in_chunks
from zoo.layers.precision import at_least_float32


class FeatureNetwork(ZooModule, ABC):
    """A network of examples of its modality: `forward` returns features (n, d), `head` logits."""

    head: nn.Linear

    @abstractmethod
    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """The cross-entropy of logits (n, classes) and labels, a scalar in nats per example."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = self.loss(self.head(self(x)), y)
        self.log_on_interval({"cross_entropy": loss})
        return loss

    def features(self, x: Tensor) -> Tensor:
        """Examples (n, ...) in [-1, 1] to the inputs (n, d) of the last layer."""
        return at_least_float32(eval_in_chunks(self, self.validate(x), self))

    def logits(self, features: Tensor) -> Tensor:
        """Features (..., d) to logits (..., classes)."""
        check_features(features, self.head.in_features)
        return at_least_float32(self.head(features.to(self.parameter_dtype)))

    def predict_logits(self, x: Tensor) -> Tensor:
        """Examples (n, ...) in [-1, 1] to logits (n, classes)."""
        logits = eval_in_chunks(self, self.validate(x), lambda chunk: self.head(self(chunk)))
        return at_least_float32(logits)


class ClassifierModule(FeatureNetwork):
    """A classifier of examples with one label each, (n,)."""

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(logits, y)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        correct = (self.head(self(x)).argmax(1) == y).float()
        self.log("val/accuracy", correct.mean(), prog_bar=True, sync_dist=True)

    def classify(self, x: Tensor) -> Tensor:
        """Examples (n, ...) in [-1, 1] to logits (n, classes)."""
        return self.predict_logits(x)


class AttributeClassifier(FeatureNetwork):
    """A classifier of images with several labels each, (n, attributes), of 0 or 1."""

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        logits = at_least_float32(logits)
        return binary_cross_entropy_with_logits(logits, y.to(logits), reduction="sum") / len(y)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        correct = ((self.head(self(x)) > 0) == y).float()
        self.log("val/accuracy", correct.mean(), prog_bar=True, sync_dist=True)

    def predict_attributes(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to the probabilities (n, attributes)."""
        return self.predict_logits(x).sigmoid()
