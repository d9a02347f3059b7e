"""Which metrics apply to a model: a table of protocol, modality and function."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from lightning import LightningModule

from zoo.core.label_maps import SupportsSegmentation
from zoo.core.modality import (
    Audio,
    Clips,
    ImagePairs,
    Images,
    LabelMaps,
    Modality,
    Music,
    Series,
    Table,
    Text,
    UnpairedImages,
    Voxels,
    modality_of,
)
from zoo.core.protocols import (
    Classifier,
    Clusterer,
    Denoiser,
    HasPartitionFunction,
    HasSparseCode,
    PredictsAttributes,
    Quantizes,
    SupportsELBO,
    SupportsEncoding,
    SupportsPrediction,
    SupportsReconstruction,
    SupportsSampling,
    SupportsScoring,
    SupportsTranslation,
)
from zoo.core.restoration import SupportsRestoration
from zoo.data.arrays import Examples
from zoo.data.module import ZooDataModule
from zoo.errors import ZooError
from zoo.evaluation.attributes import attribute_accuracy
from zoo.evaluation.clips import prediction_metrics
from zoo.evaluation.label_maps import layout_metrics, segmentation_metrics
from zoo.evaluation.latent_codes import (
    activity,
    anomaly_detection,
    clusters,
    code_metrics,
    codebook_metrics,
    denoising_error,
    reconstruction_error,
)
from zoo.evaluation.likelihood import (
    binary_likelihood,
    density_likelihood,
    partition_function,
)
from zoo.evaluation.likelihood import log_likelihood as nll
from zoo.evaluation.records import Protocol, Record, map_batches, mean, take
from zoo.evaluation.samples import sample_metrics
from zoo.evaluation.series import reconstruction_metrics, series_metrics
from zoo.evaluation.tables import table_metrics
from zoo.evaluation.texts import line_bounds, music_rates, text_rates
from zoo.evaluation.translations import translation_metrics
from zoo.evaluation.unpaired import unpaired_metrics

Measure = Callable[[LightningModule, ZooDataModule, Protocol], Iterator[Record]]


class Metrics(NamedTuple):
    """A function for models with a protocol, on data of a modality that is none of `but`."""

    protocol: type
    modality: type
    measure: Measure
    but: tuple[type, ...] = ()

    def fits(self, model: LightningModule, modality: Modality) -> bool:
        """Whether the metrics apply to a model on data of a modality."""
        return isinstance(model, self.protocol) and (
            isinstance(modality, self.modality) and not isinstance(modality, self.but)
        )


def measure(model: LightningModule, data: ZooDataModule, protocol: Protocol) -> Iterator[Record]:
    """The records of all metrics that apply, headline first; raises ZooError where the data is not
    of the model's modality, UnknownName and MissingData for the extractor."""
    check(model, data)
    for record in applicable_metrics(model, data, protocol):
        front = {"metric": record["metric"], "value": record["value"], "data": data.source.title}
        yield front | record


def applicable_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The records of each row of METRICS whose protocol and modality fit."""
    for row in METRICS:
        if row.fits(model, data.modality):
            yield from row.measure(model, data, protocol)


def check(model: LightningModule, data: ZooDataModule) -> None:
    """Raise ZooError for data that the model does not take."""
    if found := modality_of(model, data.modality).mismatch(data.modality):
        raise ZooError(
            f"{found.reason} ({data.source.title}). Name the data that it was trained on by "
            "--recipe"
        )


def accuracy(model: LightningModule, images: Examples) -> Record:
    """The share of test images that are classified correctly."""
    assert isinstance(model, Classifier)
    classify = model.classify
    predicted = map_batches(model, images.values, lambda x: classify(x).argmax(1), "accuracy")
    return mean("accuracy", torch.eq(predicted, images.labels))


def on_test(function: Callable[[LightningModule, Examples], Record]) -> Measure:
    """A function of test examples as one of the table."""

    def measured(
        model: LightningModule, data: ZooDataModule, protocol: Protocol
    ) -> Iterator[Record]:
        yield function(model, take(data.examples("test"), protocol.images))

    return measured


METRICS: tuple[Metrics, ...] = (
    Metrics(Classifier, Images, on_test(accuracy)),
    Metrics(PredictsAttributes, Images, attribute_accuracy),
    Metrics(Classifier, Audio, on_test(accuracy)),
    Metrics(Classifier, Voxels, on_test(accuracy)),
    Metrics(SupportsELBO, Images, binary_likelihood),  # what papers report of binary pixels
    Metrics(SupportsScoring, Text, text_rates),
    Metrics(SupportsELBO, Text, line_bounds),
    Metrics(SupportsScoring, Music, music_rates),
    Metrics(SupportsScoring, Modality, nll, but=(Music, Text)),
    Metrics(HasPartitionFunction, Modality, partition_function),
    Metrics(SupportsTranslation, ImagePairs, translation_metrics, but=(UnpairedImages, LabelMaps)),
    Metrics(SupportsTranslation, LabelMaps, layout_metrics),
    Metrics(SupportsSegmentation, LabelMaps, segmentation_metrics),
    Metrics(SupportsTranslation, UnpairedImages, unpaired_metrics),
    Metrics(SupportsRestoration, Images, translation_metrics),
    Metrics(SupportsPrediction, Clips, prediction_metrics),
    Metrics(SupportsSampling, Images, sample_metrics),
    Metrics(SupportsSampling, Audio, sample_metrics),
    Metrics(SupportsSampling, Voxels, sample_metrics),
    Metrics(SupportsSampling, Table, table_metrics),
    Metrics(SupportsSampling, Series, series_metrics),
    Metrics(SupportsReconstruction, Series, reconstruction_metrics),
    Metrics(SupportsELBO, Images, density_likelihood),
    Metrics(SupportsReconstruction, Images, on_test(reconstruction_error)),
    Metrics(SupportsReconstruction, Images, anomaly_detection),
    Metrics(Denoiser, Images, on_test(denoising_error)),
    Metrics(HasSparseCode, Images, on_test(activity)),
    Metrics(Quantizes, Images, codebook_metrics),
    Metrics(Clusterer, Images, clusters),
    Metrics(SupportsEncoding, Images, code_metrics),
)
