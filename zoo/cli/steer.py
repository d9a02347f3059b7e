"""Verbs that move the latents of samples by what the samples show."""

from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoo.cli.arguments import Add, AddCommand, above_zero, add_sampling, positive
from zoo.cli.images import add_recipe, data_for, load_generator
from zoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from zoo.analysis.attributes import AttributeClassifier
    from zoo.core.latent_models import LatentVariableModel

Attributes = dict[str, bool]  # attributes, and whether they are wanted

ATTRIBUTES = "attributes or classes of the data, as in Male,not-Eyeglasses"


def register(verb: AddCommand) -> None:
    add = verb(steer, "Draw samples moved towards an attribute of the data, and away from it.")
    add("name", metavar="NAME|FILE")
    add("--attribute", required=True, help="an attribute or a class of the data, as Smiling")
    add("--rows", type=positive, default=6, help="how many samples, a row each (6)")
    add("--steps", type=positive, default=7, help="images on each row (7)")
    add("--reach", type=above_zero, default=3.0, help="how far; 1 is the latents' deviation (3)")
    add_labeling(add)
    add_sampling(add, Path("steered.png"))

    add = verb(
        arithmetic, "Draw the mean latent of some samples, less that of others, plus others'."
    )
    add("name", metavar="NAME|FILE")
    for term in ("from", "take", "add"):
        add(
            f"--{term}", type=parse_attributes, required=True, metavar="ATTRIBUTES", help=ATTRIBUTES
        )
    add("--columns", type=positive, default=3, help="how many samples of each mean to draw (3)")
    add_labeling(add)
    add_sampling(add, Path("arithmetic.png"))


def add_labeling(add: Add) -> None:
    """What verbs take that learn from samples which latents mean an attribute."""
    add("-n", type=positive, default=2000, help="samples to tell the attributes of (2000)")
    add_recipe(add)


def parse_attributes(text: str) -> Attributes:
    """`Male,not-Eyeglasses` as what is wanted and what is not."""
    wanted = {part.removeprefix("not-"): not part.startswith("not-") for part in text.split(",")}
    if "" in wanted or len(wanted) != text.count(",") + 1:
        raise ArgumentTypeError(f"{text!r} does not name attributes once each, between commas")
    return wanted


class LabeledLatents(NamedTuple):
    """Samples of a model, by latents z (n, latent), and the chances (n, attributes) that they have
    attributes."""

    model: "LatentVariableModel"
    detector: "AttributeClassifier"
    z: "Tensor"
    chances: "Tensor"


def label_latents(options: Namespace, attributes: "Iterable[str]") -> LabeledLatents:
    """Draw n samples and tell their attributes; print how well that is done on real images."""
    from zoo.analysis.attributes import AttributeClassifier

    model = load_generator(options)
    data = data_for(options, model)
    detector = AttributeClassifier(data, list(dict.fromkeys(attributes)), device=model.device)
    known = zip(detector.names, detector.auroc(), strict=True)
    print(f"told by features of {data.extractor}, on test images with an AUROC of", end=" ")
    print(", ".join(f"{area:.3f} ({name})" for name, area in known))
    z = model.prior(options.n, options.seed)
    return LabeledLatents(model, detector, z, detector.predict_proba(model.decode(z)).to(z))


OTHERS = 200  # samples that steering is measured on


def steer(options: Namespace) -> None:
    from zoo.analysis import latents
    from zoo.plotting import pictures

    model, detector, z, chances = label_latents(options, [options.attribute])
    way = latents.attribute_direction(z, chances[:, 0])
    path = latents.steer(z[: options.rows], way, options.steps, options.reach)
    pictures.save(pictures.grid(model.decode(path), columns=options.steps), options.to)
    others = model.prior(OTHERS, options.seed + 1)
    moved = detector.predict_proba(model.decode(latents.steer(others, way, 3, options.reach)))
    low, middle, high = (moved[:, 0] > 0.5).double().unflatten(0, (-1, 3)).mean(0).tolist()
    print(
        f"{options.attribute} is told of {middle:.0%} of {OTHERS} other samples, of {low:.0%} at "
        f"-{options.reach:g}, of {high:.0%} at {options.reach:g}"
    )
    print(f"{len(z[: options.rows])} samples of {options.name}, a row each, are in {options.to}")


def arithmetic(options: Namespace) -> None:
    import torch

    from zoo.analysis import latents
    from zoo.plotting import pictures

    terms: list[Attributes] = [getattr(options, term) for term in ("from", "take", "add")]
    found = label_latents(options, [name for wanted in terms for name in wanted])
    groups = [found.z[members(found, wanted, options.columns)] for wanted in terms]
    means = torch.stack([*(z.mean(0) for z in groups), latents.latent_arithmetic(*groups)])
    means = latents.rescale_to_prior_norm(means, found.z)
    drawn = figure(found.model, [z[: options.columns] for z in groups], means, options.seed)
    signs = zip(("", "- ", "+ "), terms, strict=True)
    captions = [*(sign + words(wanted) for sign, wanted in signs), "="]
    pictures.save(pictures.captioned(drawn, captions), options.to)
    chances = found.detector.predict_proba(found.model.decode(means[3:]))[0].tolist()
    pairs = zip(found.detector.names, chances, strict=True)
    print(f"the sum is told to be {', '.join(f'{name} ({chance:.0%})' for name, chance in pairs)}")
    print(f"samples of {options.name} and, right of them, the means of", end=" ")
    print(", ".join(f"{len(z)} {words(wanted)}" for z, wanted in zip(groups, terms, strict=True)))
    print(f"and the sum of these, beside its neighbours, are in {options.to}")


NOISE = 0.25  # around the sum, uniform: Radford et al., 2015, figure 7


def figure(
    model: "LatentVariableModel", groups: "list[Tensor]", means: "Tensor", seed: int
) -> "Tensor":
    """Images of three groups of latents (n, latent), a row each, and those around their sum below;
    beside them a column of their means and the sum (4, latent), and one by pixels instead."""
    import torch

    from zoo.plotting import pictures

    noise = torch.rand(groups[0].shape, generator=torch.Generator().manual_seed(seed))
    near = means[3] + (NOISE * (2 * noise - 1)).to(means)
    images = [model.decode(z) for z in (*groups, near)]
    a, b, c = (some.mean(0) for some in images[:3])
    columns = torch.cat(images), model.decode(means), torch.stack([a, b, c, a - b + c])
    widths = len(near), 1, 1
    return pictures.hstack(
        *(pictures.grid(x, width) for x, width in zip(columns, widths, strict=True))
    )


def words(wanted: Attributes) -> str:
    return ", ".join(name if there else f"not {name}" for name, there in wanted.items())


def members(found: LabeledLatents, wanted: Attributes, least: int) -> "Tensor":
    """Indices of the samples that are told to be as wanted; raises ZooError for too few."""
    import torch

    columns = [found.detector.names.index(name) for name in wanted]
    there = torch.tensor(list(wanted.values()), device=found.z.device)
    chosen = ((found.chances[:, columns] > 0.5) == there).all(1).nonzero()[:, 0]
    if len(chosen) < least:
        raise ZooError(
            f"of {len(found.z)} samples {len(chosen)} are told to be {words(wanted)}, which is "
            f"fewer than {least}: draw more by -n, or ask for less"
        )
    return chosen
