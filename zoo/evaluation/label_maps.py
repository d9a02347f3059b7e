"""Metrics of label maps: how well they are found, and whether photographs show them."""

from collections.abc import Iterator

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.label_maps import SupportsSegmentation
from zoo.core.modality import LabelMaps, normalize
from zoo.data.label_maps import LabelMapDataModule
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import Protocol, Record, mean, rounded, take
from zoo.evaluation.translations import CHUNK, errors_and_distances, translate_all
from zoo.metrics.segmentation import mean_iou
from zoo.pretrained import catalog
from zoo.pretrained.weights import sha256

UNIT = "mean over labels"


def segmentation_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The mean intersection over union and the share of correct pixels of test images."""
    assert isinstance(model, SupportsSegmentation)
    assert isinstance(data.modality, LabelMaps)
    values, images = take(data.examples("test"), protocol.images)
    found, maps = segment_all(model, images), values.long()
    iou = rounded(mean_iou(found, maps, data.modality.labels))
    yield {"metric": "mean-iou", "value": iou, "unit": UNIT, "split": "test", "real": len(maps)}
    yield mean("pixel-accuracy", (found == maps).double().flatten(1).mean(1))


def layout_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Those of translations, then the mean intersection over union of the label maps of the test
    split and those that a segmenter finds in the outputs; `targets` is that of the real images.
    None without a segmenter of the data."""
    assert isinstance(data.modality, LabelMaps)
    examples = take(data.examples("test"), protocol.images)
    found = translate_all(model, examples, data.modality)
    yield from errors_and_distances(found, protocol.extractor or data.extractor, model.device)
    if not isinstance(data, LabelMapDataModule) or not data.segmenter or protocol.extractor:
        return
    segmenter = catalog.load(data.segmenter, str(model.device))
    assert isinstance(segmenter, SupportsSegmentation)

    def agreement(images: Tensor) -> float:
        maps = segment_all(segmenter, images)
        return rounded(mean_iou(maps, examples.values.long(), data.labels))

    record: Record = {"metric": "mean-iou", "value": agreement(found.outputs), "unit": UNIT}
    record |= {"split": "test", "real": len(examples.values)}
    record |= {"targets": agreement(found.targets), "copied": agreement(found.copies)}
    digest = sha256(catalog.weights_path(data.segmenter))
    yield record | {"extractor": data.segmenter, "extractor_sha256": digest}


@torch.no_grad()
def segment_all(model: SupportsSegmentation, images: Tensor) -> Tensor:
    """The label maps (n, 1, h, w) in int64 that a model finds in images (n, c, h, w) in uint8."""
    assert isinstance(model, LightningModule)
    chunks = (model.segment(normalize(x.to(model.device))) for x in images.split(CHUNK))
    return torch.cat([maps.cpu() for maps in chunks])
