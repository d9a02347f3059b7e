"""What precision costs and saves: `python benchmarks/precision.py [--models ...] [--seeds 0 1 2]`.

Each model is trained to its end in each precision that the device computes in, from each seed, by
`zoo fit`; then the Frechet distance of the samples of its averaged weights is measured, to as many
real images. Rows go into benchmarks/precision.csv, and benchmarks/precision.md is made of all of
its rows. float16 needs a GPU: without one its rows are missing, and the table says so.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import torch
from tables import append, over_seeds, render

from zoo.core.module import ZooModule
from zoo.core.protocols import SupportsSampling
from zoo.core.provenance import commit
from zoo.data.features import extract, real_features
from zoo.data.images import ImageDataModule
from zoo.evaluation.report import data_of
from zoo.metrics.frechet import frechet_between
from zoo.plotting.pictures import to_uint8
from zoo.pretrained import catalog
from zoo.pretrained.checkpoints import model_from_checkpoint, newest_checkpoint, read_checkpoint
from zoo.pretrained.extractors import load_extractor, metric_name
from zoo.training.fit import fit

HERE = Path(__file__).parent
IMAGES = 10_000
AT_8 = ["--data=zoo.data.Digits", "--data.size=8", "--data.batch_size=160"]
AT_8 += ["--model.size=8", "--model.width=32", "--trainer.max_epochs=150"]
MODELS: dict[str, tuple[str, list[str]]] = {  # a name of the table: a recipe and its overrides
    "dcgan-digits": ("dcgan-digits", []),
    "vae-digits": ("vae-digits", []),
    "wgan-gp at 8 pixels": ("wgan-gp-fashion-mnist", AT_8),
}
PRECISIONS = ["32-true", "bf16-mixed", *(["16-mixed"] if torch.cuda.is_available() else [])]
Row = dict[str, str | int | float]


def measured(model: str, precision: str, seed: int) -> Row:
    """Train, and measure what came of it."""
    recipe, overrides = MODELS[model]
    words = [f"--trainer.precision={precision}", f"--seed_everything={seed}"]
    words += ["--trainer.enable_progress_bar=false"]
    folder = fit(recipe, catalog.recipe_path(recipe), [*overrides, *words])
    path = newest_checkpoint([folder])
    state = read_checkpoint(path)
    data = data_of(str(folder / "recipe.yaml"))
    logbook = state["callbacks"]["RunMetadata"]  # type: ignore[index]
    return {
        "model": model,
        "precision": precision,
        "seed": seed,
        "metric": metric_name("fd", data.extractor),
        "value": round(distance(model_from_checkpoint(path, state), data), 4),
        "steps": state["global_step"],  # type: ignore[dict-item]
        "steps_per_second": round(state["global_step"] / logbook["seconds"], 2),  # type: ignore[operator]
        "hardware": logbook["hardware"],
        "commit": commit(),
        "torch": str(torch.__version__),
    }


def distance(model: ZooModule, data: ImageDataModule) -> float:
    """Between samples and the first images of the data's reference split."""
    assert isinstance(model, SupportsSampling)
    extractor = load_extractor(data.extractor)
    real = real_features(extractor, data, data.reference, IMAGES)
    fake = extract(extractor, to_uint8(model.sample(len(real), 0)), "samples")
    return float(frechet_between(real, fake))


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """A line for each model and precision: mean and spread over seeds."""
    yield "# Precision"
    yield ""
    yield "Made by `python benchmarks/precision.py` of its runs in [precision.csv](precision.csv):"
    yield "trained to the end, mean and standard deviation over seeds. `16-mixed` needs a GPU, and"
    yield "none was at hand where it is missing. Speed is of one CPU core unless said otherwise."
    yield ""
    yield "| Model | Precision | Distance | Seeds | Steps a second | Hardware |"
    yield "|---|---|---|---:|---:|---|"
    for model in MODELS:
        for precision in ("32-true", "bf16-mixed", "16-mixed"):
            yield line(model, precision, rows)


def line(model: str, precision: str, rows: list[dict[str, str]]) -> str:
    chosen = [r for r in rows if (r["model"], r["precision"]) == (model, precision)]
    if not chosen:
        return f"| {model} | {precision} | not run | | | |"
    values = [float(row["value"]) for row in chosen]
    speed = mean(float(row["steps_per_second"]) for row in chosen)
    measure = f"{chosen[0]['metric']} {over_seeds(values, '.4g')}"
    hardware = ", ".join(sorted({row["hardware"] for row in chosen}))
    return f"| {model} | {precision} | {measure} | {len(values)} | {speed:.3g} | {hardware} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    wanted = parser.parse_args()
    path = HERE / "precision.csv"
    for model in wanted.models:
        for seed in wanted.seeds:
            for precision in PRECISIONS:
                row = measured(model, precision, seed)
                print(*(f"{key} {value}" for key, value in row.items()), sep="  ")
                append(path, row)
    render(path, table)


if __name__ == "__main__":
    main()
