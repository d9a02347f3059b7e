"""Commands that edit latents by attributes of their samples: steer, arithmetic."""

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

Attributes = dict[str, bool]  # name, and whether samples must have the attribute

ATTRIBUTES = "attributes or classes of the data, such as Male,not-Eyeglasses"


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(steer, "Move latents of samples along the direction of an attribute.")
    add("name", metavar="NAME|FILE")
    add("--attribute", required=True, help="attribute or class of the data, such as Smiling")
    add("--rows", type=positive, default=6, help="number of samples, one for each row (6)")
    add("--steps", type=positive, default=7, help="images of each row (7)")
    add(
        "--reach",
        type=above_zero,
        default=3.0,
        help="largest offset, 1 is the prior's deviation (3)",
    )
    add_labeling(add)
    add_sampling(add, Path("steered.png"))

    add = add_command(arithmetic, "Add and subtract mean latents of samples with given attributes.")
    add("name", metavar="NAME|FILE")
    for term in ("from", "take", "add"):
        add(
            f"--{term}", type=parse_attributes, required=True, metavar="ATTRIBUTES", help=ATTRIBUTES
        )
    add("--columns", type=positive, default=3, help="samples shown for each mean (3)")
    add_labeling(add)
    add_sampling(add, Path("arithmetic.png"))


def add_labeling(add: Add) -> None:
    """Add the arguments of commands that predict attributes of samples."""
    add("-n", type=positive, default=2000, help="samples whose attributes are predicted (2000)")
    add_recipe(add)


def parse_attributes(text: str) -> Attributes:
    """Parse `Male,not-Eyeglasses` to {"Male": True, "Eyeglasses": False}."""
    attributes = {
        part.removeprefix("not-"): not part.startswith("not-") for part in text.split(",")
    }
    if "" in attributes or len(attributes) != text.count(",") + 1:
        raise ArgumentTypeError(f"must be different names, separated by commas, got {text!r}")
    return attributes


class LabeledLatents(NamedTuple):
    """Latents z (n, latent) of a model, with probabilities (n, attributes) of their samples."""

    model: "LatentVariableModel"
    classifier: "AttributeClassifier"
    z: "Tensor"
    probabilities: "Tensor"


def label_latents(options: Namespace, attributes: "Iterable[str]") -> LabeledLatents:
    """Sample n latents and predict the attributes of their images; print the AUROC on real ones."""
    from zoo.analysis.attributes import AttributeClassifier

    model = load_generator(options)
    data = data_for(options, model)
    names = list(dict.fromkeys(attributes))  # without duplicates, in order
    classifier = AttributeClassifier(data, names, device=model.device)
    print(f"AUROC of attributes on test images, by features of {classifier.space}:", end=" ")
    pairs = zip(names, classifier.auroc(), strict=True)
    print(", ".join(f"{name} {area:.3f}" for name, area in pairs))
    z = model.prior(options.n, options.seed)
    return LabeledLatents(model, classifier, z, classifier.predict_proba(model.decode(z)).to(z))


HELD_OUT = 200  # samples on which steering is measured, not those of the direction


def steer(options: Namespace) -> None:
    """Write samples moved along an attribute's direction as a PNG; print the attribute's rates."""
    from zoo.analysis import latents
    from zoo.plotting import pictures

    model, classifier, z, probabilities = label_latents(options, [options.attribute])
    direction = latents.attribute_direction(z, probabilities[:, 0])
    path = latents.steer(z[: options.rows], direction, options.steps, options.reach)
    pictures.save(pictures.grid(model.decode(path), columns=options.steps), options.to)
    held_out = model.prior(HELD_OUT, options.seed + 1)
    steered = latents.steer(held_out, direction, 3, options.reach)  # offsets -reach, 0, reach
    present = classifier.predict_proba(model.decode(steered))[:, 0] > 0.5
    low, middle, high = present.double().unflatten(0, (-1, 3)).mean(0).tolist()
    print(
        f"predicted {options.attribute} of {HELD_OUT} other samples: {low:.0%} at offset "
        f"-{options.reach:g}, {middle:.0%} at 0, {high:.0%} at {options.reach:g}"
    )
    print(f"{len(z[: options.rows])} rows of steered samples by {options.name} are in {options.to}")


def arithmetic(options: Namespace) -> None:
    """Write groups of samples, their mean latents and the result of arithmetic as a PNG."""
    import torch

    from zoo.analysis import latents
    from zoo.plotting import pictures

    terms: list[Attributes] = [getattr(options, term) for term in ("from", "take", "add")]
    labeled = label_latents(options, [name for term in terms for name in term])
    groups = [labeled.z[select(labeled, term, options.columns)] for term in terms]
    means = torch.stack([*(z.mean(0) for z in groups), latents.latent_arithmetic(*groups)])
    means = latents.rescale_to_prior_norm(means, labeled.z)
    picture = render(labeled.model, [z[: options.columns] for z in groups], means, options.seed)
    signs = zip(("", "- ", "+ "), terms, strict=True)
    captions = [*(sign + describe(term) for sign, term in signs), "="]
    pictures.save(pictures.add_captions(picture, captions), options.to)
    probabilities = labeled.classifier.predict_proba(labeled.model.decode(means[3:]))[0].tolist()
    pairs = zip(labeled.classifier.names, probabilities, strict=True)
    print(f"predicted attributes of the result: {', '.join(f'{k} {p:.0%}' for k, p in pairs)}")
    sizes = zip(groups, terms, strict=True)
    print(f"samples of each mean: {', '.join(f'{describe(term)} {len(z)}' for z, term in sizes)}")
    print(f"samples, means and results by {options.name} are in {options.to}")


NOISE = 0.25  # uniform noise around the result: Radford et al., 2015, figure 7


def render(
    model: "LatentVariableModel", groups: "list[Tensor]", means: "Tensor", seed: int
) -> "Tensor":
    """Render three groups of latents (n, latent) as rows, and latents near the result below.

    The next column shows the means of the groups and the result, `means` (4, latent). The last one
    shows the same arithmetic on pixels.
    """
    import torch

    from zoo.plotting import pictures

    noise = torch.rand(groups[0].shape, generator=torch.Generator().manual_seed(seed))
    near = means[3] + (NOISE * (2 * noise - 1)).to(means)
    images = [model.decode(z) for z in (*groups, near)]
    a, b, c = (group.mean(0) for group in images[:3])
    columns = torch.cat(images), model.decode(means), torch.stack([a, b, c, a - b + c])
    widths = len(near), 1, 1
    return pictures.hstack(
        *(pictures.grid(x, width) for x, width in zip(columns, widths, strict=True))
    )


def describe(attributes: Attributes) -> str:
    """Attributes as text, such as `Male, not Eyeglasses`."""
    return ", ".join(name if present else f"not {name}" for name, present in attributes.items())


def select(labeled: LabeledLatents, attributes: Attributes, least: int) -> "Tensor":
    """Indices of the samples with the attributes; raises ZooError for fewer than `least`."""
    import torch

    columns = [labeled.classifier.names.index(name) for name in attributes]
    present = torch.tensor(list(attributes.values()), device=labeled.z.device)
    selected = ((labeled.probabilities[:, columns] > 0.5) == present).all(1).nonzero()[:, 0]
    if len(selected) < least:
        raise ZooError(
            f"number of samples with ({describe(attributes)}) must be >= {least}, got "
            f"{len(selected)} of {len(labeled.z)}. Draw more samples by -n"
        )
    return selected
