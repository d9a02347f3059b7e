"""What the loss alone does: `python benchmarks/losses.py [--families ...] [--seeds 1 2]`.

GANs of Fashion-MNIST under one budget: the same images seen, the same generator, and DCGAN's
discriminator, without batch norm where a penalty forbids it. Each is trained by its recipe, from
several seeds, to its end, and measured as the cards are, from the file that would ship; seed 0 of
a recipe that ships is its card. Rows go into losses.csv; losses.md is made of all of them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from tables import append, over_seeds, read, render

import zoo
from zoo.evaluation import PROTOCOLS
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.publishing.export import export
from zoo.training.fit import fit

HOME = Path(__file__).parent
NARROW = ["--model.init_args.width=32"]
FAMILIES: dict[str, tuple[str, list[str]]] = {  # loss, and what of its recipe is not as the others'
    "dcgan": ("non-saturating", NARROW),
    "lsgan": ("least squares", []),
    "geometric-gan": ("hinge", []),
    "ragan": ("relativistic average", []),
    "dragan": ("non-saturating, slope one around the data", []),
    "wgan": ("Wasserstein, clipped weights", []),
    "wgan-gp": ("Wasserstein, slope one in between", ["--trainer.max_epochs=8"]),
}
METRICS = ("fd-lenet", "precision-lenet", "recall-lenet", "rarest-class", "commonest-class")
Row = dict[str, str | int | float]


def trained(family: str, seed: int) -> Row:
    """Train, and measure what came of it."""
    name, (_, overrides) = f"{family}-fashion-mnist", FAMILIES[family]
    words = [*overrides, f"--seed_everything={seed}", "--trainer.enable_progress_bar=false"]
    folder = fit(name, catalog.recipe_path(name), words)
    with TemporaryDirectory() as aside:
        return row(family, seed, export(folder, name, Path(aside), PROTOCOLS["full"]))


def row(family: str, seed: int, card: Card) -> Row:
    """What losses.csv keeps of a card."""
    training = card.facts["training"]
    assert isinstance(training, dict)
    found = {str(m["metric"]): float(m["value"]) for m in card.metrics}
    return {
        "family": family,
        "seed": seed,
        "images_seen": training["images_seen"],
        "steps": training["steps"],
        "minutes": training["minutes"],
        **{metric: found[metric] for metric in METRICS},
        "commit": str(card.facts["commit"]),
    }


def shipped() -> Iterator[Row]:
    """Seed 0 of each recipe that is trained here as it ships."""
    for family, (_, overrides) in FAMILIES.items():
        if not overrides and f"{family}-fashion-mnist" in zoo.list_models():
            yield row(family, 0, zoo.card(f"{family}-fashion-mnist"))


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """A line for each family: mean and standard deviation over seeds."""
    yield "# Losses"
    yield ""
    yield "Made by `python benchmarks/losses.py`, which says how, of the trainings in"
    yield "[losses.csv](losses.csv): mean and standard deviation over seeds."
    yield ""
    yield "| Family | Loss | Seeds | Images seen | Minutes | " + " | ".join(METRICS) + " |"
    yield "|---|---|" + "---:|" * (3 + len(METRICS))
    for family, (loss, _) in FAMILIES.items():
        found = [r for r in rows if r["family"] == family]
        if found:
            images = " or ".join(sorted({f"{int(r['images_seen']):,}" for r in found}))
            minutes = mean(float(r["minutes"]) for r in found)
            cells = [over_seeds([float(r[metric]) for r in found], ".3g") for metric in METRICS]
            start = f"| {family} | {loss} | {len(found)} | {images} | {minutes:.1f} | "
            yield start + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    wanted = parser.parse_args()
    path = HOME / "losses.csv"
    have = {(old["family"], old["seed"]) for old in read(path)}
    for found in shipped():
        if (found["family"], str(found["seed"])) not in have:
            append(path, found)
            have.add((str(found["family"]), str(found["seed"])))
    for family in wanted.families:
        for seed in wanted.seeds:
            if (family, str(seed)) not in have:
                found = trained(family, seed)
                print(*(f"{key} {value}" for key, value in found.items()), sep="  ")
                append(path, found)
    render(path, table)


if __name__ == "__main__":
    main()
