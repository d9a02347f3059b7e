"""Detection of injected failures by the monitors.

`python benchmarks/monitors.py RUN ... [--seeds 0 1 2]` trains recipes, unchanged or with a failure
that starts at a known step, with the monitors and settings of each recipe. Every run adds a row to
benchmarks/monitors.csv. `--table` writes benchmarks/monitors.md from these rows; of repeated runs,
the last row of a seed counts. The failures are

    latent   the generator's latent is multiplied by zero
    classes  the real images have the first five classes only, so the generator forgets the others
    norms    no batch norm in either player and ten times the learning rate, from the first step on
    beta     a beta-VAE instead of a VAE, with 50 times the weight of the divergence, from the start
"""

import argparse
import csv
import json
import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import lightning
import torch
import yaml
from lightning import Callback, LightningModule, Trainer
from rivals import ROOT, build
from tables import append
from torch import Tensor, nn

from zoo.callbacks.alarms import Batch, Monitor
from zoo.training.precision import resolve_precision
from zoo.vaes.beta_vae import BetaVAE

Plant = Literal["none", "latent", "classes", "norms", "beta"]
Cells = Mapping[str, str | int | float | None]

TARGET = 500  # steps within which a monitor must detect a failure
HERE = ROOT / "benchmarks"


class Run(NamedTuple):
    """First steps of a recipe, at `width` if given, with a failure from step `onset` on."""

    recipe: str
    steps: int
    plant: Plant = "none"
    onset: int = 0
    width: int | None = None


RUNS = {
    "dcgan-digits": Run("dcgan-digits", 3450),  # to its end
    "dcgan-digits-latent": Run("dcgan-digits", 2000, "latent", 1000),
    "dcgan-digits-classes": Run("dcgan-digits", 2000, "classes", 1000),
    "dcgan-fashion-mnist": Run("dcgan-fashion-mnist", 2000, width=24),
    "dcgan-fashion-mnist-latent": Run("dcgan-fashion-mnist", 1600, "latent", 600, width=24),
    "dcgan-fashion-mnist-classes": Run("dcgan-fashion-mnist", 2200, "classes", 1200, width=24),
    "dcgan-fashion-mnist-norms": Run("dcgan-fashion-mnist", 1000, "norms", width=24),
    "wgan-gp-fashion-mnist": Run("wgan-gp-fashion-mnist", 2000, width=16),
    "wgan-gp-fashion-mnist-latent": Run("wgan-gp-fashion-mnist", 1600, "latent", 600, width=16),
    "vae-digits": Run("vae-digits", 4600),  # to its end
    "vae-digits-beta": Run("vae-digits", 1000, "beta"),
    "vae-fashion-mnist": Run("vae-fashion-mnist", 2000),
    "vae-fashion-mnist-beta": Run("vae-fashion-mnist", 1000, "beta"),
}


class Planted(Callback):
    """Inject a failure from step `onset` on."""

    def __init__(self, plant: Plant, onset: int) -> None:
        self.plant, self.onset = plant, onset

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if self.plant == "latent" and trainer.global_step == self.onset:
            model: Any = pl_module
            prior = model.prior
            model.prior = lambda n, seed=None: 0 * prior(n, seed)
        if self.plant == "classes" and trainer.global_step >= self.onset:
            forget(*batch)


class Referee(Callback):
    """Stop a training with a failure at the first alarm after its onset."""

    def __init__(self, monitors: list[Monitor], onset: int) -> None:
        self.monitors, self.onset = monitors, onset

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        alarmed = any(monitor.alarm.alarmed for monitor in self.monitors)
        trainer.should_stop = alarmed and trainer.global_step > self.onset


def forget(images: Tensor, labels: Tensor) -> None:
    """Replace images of the last five classes by images of the first five."""
    kept = images[labels < 5]
    images.copy_(kept[torch.arange(len(images)) % len(kept)])


def without_norms(network: nn.Module) -> None:
    """Remove every batch norm."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, nn.Identity())
        without_norms(child)


def planted(run: Run, settings: dict) -> LightningModule:
    """Model of the recipe; `norms` and `beta` change it before training."""
    if run.width is not None:
        settings["init_args"]["width"] = run.width
    model = build(settings)
    if run.plant == "beta":
        return BetaVAE(**{**model.hparams, "beta": 50.0, "capacity": 0.0})
    if run.plant == "norms":
        model = type(model)(**{**model.hparams, "lr": 10 * model.hparams["lr"]})
        without_norms(model)
    return model


def train(run: Run, seed: int, folder: Path) -> int:
    """Train a run and return its number of steps; alarms are written to the folder."""
    recipe = yaml.safe_load((ROOT / "recipes" / f"{run.recipe}.yaml").read_text())
    lightning.seed_everything(seed, verbose=False)
    model = planted(run, recipe["model"])
    recipe["data"]["init_args"]["labels"] = run.plant == "classes"
    monitors = [
        build(part)
        for part in recipe["trainer"]["callbacks"]
        if part["class_path"].startswith("zoo.callbacks.")
    ]
    monitors = [callback for callback in monitors if isinstance(callback, Monitor)]
    plants = [Planted(run.plant, run.onset), Referee(monitors, run.onset)]
    trainer = Trainer(
        accelerator="cpu",
        max_steps=run.steps,
        precision=resolve_precision(  # type: ignore[arg-type]
            recipe["trainer"].get("precision", "32-true"), "cpu"
        ),
        callbacks=[*monitors, *(plants if run.plant != "none" else [])],
        default_root_dir=folder,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, datamodule=build(recipe["data"]))
    return trainer.global_step


def run_row(name: str, seed: int, commit: str) -> Cells:
    """Row of a run: the first alarm after the onset, and the number of false alarms."""
    run = RUNS[name]
    with TemporaryDirectory() as folder:
        steps = train(run, seed, Path(folder))
        file = Path(folder) / "alarms" / "alarms.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
    alarms = [json.loads(line) for line in lines]
    healthy = steps if run.plant == "none" else run.onset
    false = [alarm for alarm in alarms if alarm["step"] <= healthy]
    true = next((alarm for alarm in alarms if alarm["step"] > healthy), None)
    return {
        "run": name,
        "seed": seed,
        "width": run.width,
        "steps": steps,
        "onset": None if run.plant == "none" else run.onset,
        "monitor": true and true["monitor"],
        "delay": true and true["step"] - run.onset,
        "healthy_steps": healthy,
        "false_alarms": len(false),
        "per_1000": round(1000 * len(false) / healthy, 3) if healthy else None,
        "date": date.today().isoformat(),
        "commit": commit,
    }


def table(path: Path) -> str:
    """Markdown table with a line for each run."""
    with path.open(newline="") as file:
        rows = {(row["run"], row["seed"]): row for row in csv.DictReader(file)}
    rows = dict(sorted(rows.items()))
    lines = [
        "# Detection of failures by the monitors\n",
        "Generated by `python benchmarks/monitors.py --table` from [monitors.csv](monitors.csv).",
        "The docstring of the script describes the injected failures. An alarm is in time within",
        f"{TARGET} steps of the onset. Onset and delay are in steps; rates are per 1,000 steps.\n",
        "| Run | Width | Seeds | Onset | In time | Monitor | Delay | Rate of false alarms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in RUNS:
        if several := [row for (run, _), row in rows.items() if run == name]:
            lines.append(f"| {' | '.join(summary(name, several))} |")
    return "\n".join(lines) + "\n"


def summary(name: str, rows: list[dict[str, str]]) -> list[str]:
    """Cells of a run's line, over its seeds."""
    onset, width = rows[0]["onset"], rows[0]["width"] or "default"
    found = [row for row in rows if row["delay"]]
    healthy = sum(int(row["healthy_steps"]) for row in rows)
    false = sum(int(row["false_alarms"]) for row in rows)
    rate = f"{1000 * false / healthy:.3g} ({false} in {healthy:,})" if healthy else "-"
    if not onset:
        return [name, width, str(len(rows)), "no failure", "-", "-", "-", rate]
    by = ", ".join(sorted({row["monitor"] for row in found})) or "-"
    delays = [row["delay"] or "never" for row in rows]
    timely = f"{sum(int(row['delay']) <= TARGET for row in found)} of {len(rows)}"
    return [name, width, str(len(rows)), onset, timely, by, ", ".join(delays), rate]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"one of {', '.join(RUNS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--table", action="store_true", help="write benchmarks/monitors.md")
    parser.add_argument("--output", type=Path, default=HERE / "monitors.csv")
    wanted = parser.parse_args()
    if unknown := set(wanted.runs) - set(RUNS):
        parser.error(f"RUN must be one of {', '.join(RUNS)}, got {', '.join(sorted(unknown))}")
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()  # before training
    for name in wanted.runs:
        for seed in wanted.seeds:
            row = run_row(name, seed, commit)
            print(*(f"{key} {value}" for key, value in row.items()), sep="  ", flush=True)
            append(wanted.output, row)
    if wanted.table:
        (HERE / "monitors.md").write_text(table(wanted.output))


if __name__ == "__main__":
    main()
