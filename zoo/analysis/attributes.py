"""Predictions of attributes, learned from real images and applied to samples."""

from collections.abc import Sequence

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import one_hot

from zoo.data.features import extract, real_features
from zoo.data.images import ImageDataModule, Split
from zoo.errors import UnknownName, ZooError
from zoo.metrics.extractors import AttributeFeatures
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import is_attribute_space, load_extractor, spaces_of


class AttributeClassifier:
    """Predictions of attributes or classes of a data set from features.

    The first of the data's spaces that is an attribute classifier predicts them; without one,
    logistic regressions do, which are trained on up to n training images. Raises UnknownName for an
    unknown attribute, ZooError for one that all or none of the images have, and MissingData if the
    data or the extractor's weights are missing.
    """

    def __init__(
        self,
        data: ImageDataModule,
        names: Sequence[str],
        n: int = 10_000,
        device: torch.device | None = None,
    ) -> None:
        known = data.attributes
        for name in names:
            if name not in known:
                raise UnknownName("attribute", name, known)
        self.data, self.names, self.n = data, tuple(names), n
        self.columns = [known.index(name) for name in names]
        self.space = next(filter(is_attribute_space, spaces_of(data)), data.extractor)
        self.extractor = load_extractor(self.space, device)
        has_network = isinstance(self.extractor, AttributeFeatures)
        self.regressions = [] if has_network else self.fit_regressions()

    def fit_regressions(self) -> list[Pipeline]:
        """A logistic regression of each attribute; raises ZooError for one without variation."""
        features, present = self.real_images("train")
        return [fit_regression(features, present[:, i], name) for i, name in enumerate(self.names)]

    def real_images(self, split: Split) -> tuple[Tensor, Tensor]:
        """Features (n, d) of real images and their attributes (n, attributes) in bool."""
        labels = self.data.images(split).labels[: self.n]
        if labels.ndim == 1:
            labels = one_hot(labels.long(), len(self.data.attributes))
        features = real_features(self.extractor, self.data, split, self.n)
        return features, labels[:, self.columns].bool()

    def predict_proba(self, images: Tensor) -> Tensor:
        """Probabilities (n, attributes) in float64 of the attributes of images.

        Images are (n, channels, size, size) in [-1, 1].
        """
        features = extract(self.extractor, to_uint8(images), "attributes")
        return self.predict_proba_from_features(features)

    def predict_proba_from_features(self, features: Tensor) -> Tensor:
        """Probabilities (n, attributes) in float64 of the attributes, from features (n, d)."""
        if isinstance(self.extractor, AttributeFeatures):
            return self.extractor.probabilities(features)[:, self.columns].double().cpu()
        x = features.cpu().numpy()
        columns = [torch.from_numpy(model.predict_proba(x)[:, 1]) for model in self.regressions]
        return torch.stack(columns, 1)

    def auroc(self) -> list[float]:
        """AUROC of each attribute on the test split: 0.5 is chance, 1 is perfect."""
        features, present = self.real_images("test")
        pairs = zip(present.T, self.predict_proba_from_features(features).T, strict=True)
        return [float(roc_auc_score(label.numpy(), p.numpy())) for label, p in pairs]


def fit_regression(features: Tensor, present: Tensor, name: str) -> Pipeline:
    """Fit a logistic regression of one attribute, `present` (n,), on features (n, d).

    Raises ZooError if all or none of the images have the attribute.
    """
    if present.all() or not present.any():
        raise ZooError(
            f"number of training images with the attribute {name} must be from 1 to "
            f"{len(present) - 1}, got {int(present.sum())} of {len(present)}. Choose another "
            "attribute"
        )
    regression = LogisticRegression(C=100 / len(present), max_iter=1000)
    pipeline = make_pipeline(StandardScaler(), regression)
    return pipeline.fit(features.cpu().numpy(), present.numpy())
