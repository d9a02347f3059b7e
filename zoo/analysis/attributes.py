"""Attributes of images that come without labels, as real images teach them."""

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
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import load_extractor


class AttributeClassifier:
    """Tells attributes of a data set, or its classes, by logistic regressions on features of up to
    n of its training images, in the space that distances to the set are measured in.

    Raises UnknownName for an attribute that the data has not, ZooError for one that all or none of
    the images have, MissingData for data and extractor.
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
        self.extractor = load_extractor(data.extractor, device)
        features, present = self.real("train")
        self.regressions = [
            regression(features, present[:, column], name) for column, name in enumerate(names)
        ]

    def real(self, split: Split) -> tuple[Tensor, Tensor]:
        """Features (n, d) of real images, and which of the attributes they have (n, attributes)."""
        labels = self.data.images(split).labels[: self.n]
        if labels.ndim == 1:
            labels = one_hot(labels.long(), len(self.data.attributes))
        features = real_features(self.extractor, self.data, split, self.n)
        return features, labels[:, self.columns].bool()

    def predict_proba(self, images: Tensor) -> Tensor:
        """Chances (n, attributes) in float64 that images (n, channels, size, size) in [-1, 1] have
        each of the attributes."""
        return self.predict_proba_of_features(
            extract(self.extractor, to_uint8(images), "attributes")
        )

    def predict_proba_of_features(self, features: Tensor) -> Tensor:
        x = features.cpu().numpy()
        told = [torch.from_numpy(each.predict_proba(x)[:, 1]) for each in self.regressions]
        return torch.stack(told, 1)

    def auroc(self) -> list[float]:
        """How well it tells each attribute in the test split: 0.5 is guessing, 1 is perfect."""
        features, present = self.real("test")
        pairs = zip(present.T, self.predict_proba_of_features(features).T, strict=True)
        return [float(roc_auc_score(there.numpy(), chance.numpy())) for there, chance in pairs]


def regression(features: Tensor, present: Tensor, name: str) -> Pipeline:
    """What tells one attribute, `present` (n,) or not, by features (n, d)."""
    if present.all() or not present.any():
        share = "all" if present.all() else "none"
        raise ZooError(f"{share} of the {len(present)} training images have the attribute {name}")
    fitted = make_pipeline(
        StandardScaler(), LogisticRegression(C=100 / len(present), max_iter=1000)
    )
    return fitted.fit(features.cpu().numpy(), present.numpy())
