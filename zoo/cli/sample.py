"""Commands that generate: sample, interpolate."""

import inspect
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, above_zero, add_sampling, positive, seed
from zoo.cli.images import add_folder, add_images, images_for, load_codec, require_unconditional
from zoo.errors import ZooError
from zoo.files import expand_user
from zoo.pretrained import catalog
from zoo.text import printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from zoo.core.modality import Modality
    from zoo.core.module import ZooModule


SHOWN = 4  # texts of a file that are printed as well
SETTINGS = ("prompt", "temperature", "top_k", "length")  # arguments of some models' `sample`
TO = (
    "output file: .png for images, .txt for texts, .wav for sounds, .png, .mid or .wav for music, "
    ".csv for tables and series, .png or .obj for shapes, or .npy or .npz with an array, of images "
    "(n, height, width, channels) in uint8 (samples, with the ending)"
)


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add_sample(add_command)
    add_interpolate(add_command)


def add_sample(add_command: AddCommand) -> None:
    """Add the command `sample`."""
    add = add_command(sample, "Write samples of a model to a file, or to an array of any length.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=64, help="number of samples (64)")
    add(
        "--truncation",
        type=above_zero,
        help="truncation: the threshold of latents, or the share psi of a StyleGAN (none)",
    )
    add("--seed", type=seed, default=0, help="seed of the random numbers (0)")
    add("--to", type=Path, help=TO)
    add("--device", help="cpu, cuda or mps (cpu)")
    add("--prompt", help="text that each sample continues; models of text (none)")
    add("--temperature", type=above_zero, help="below 1 for probable, above 1 for varied text (1)")
    add("--top-k", type=positive, help="draw from the k most probable tokens (all)")
    add("--length", type=positive, help="tokens or time steps of a sample (as trained)")


def add_interpolate(add_command: AddCommand) -> None:
    """Add the command `interpolate`."""
    add = add_command(interpolate, "Interpolate between samples, or between real images.")
    add("name", metavar="NAME|FILE")
    add(
        "--between",
        choices=["samples", "real"],
        default="samples",
        help="samples: latents of the prior; real: codes of real images (samples)",
    )
    add(
        "--path",
        choices=["great-circle", "straight"],
        help="path (great-circle between samples, straight between real images)",
    )
    add("--rows", type=positive, default=8, help="number of paths, one for each row (8)")
    add("--steps", type=positive, default=8, help="images of each path (8)")
    add_images(add)
    add_folder(add)
    add_sampling(add, Path("interpolation.png"))


def sample(options: Namespace) -> None:
    """Write n samples of a model to a file of its modality, or to an array."""
    import torch

    from zoo.core.modality import modality_of
    from zoo.core.preview import columns_of
    from zoo.plotting import arrays

    model = catalog.load(options.name, options.device)
    modality = modality_of(model)
    path = expand_user(options.to or f"samples{modality.suffix}")
    check_output(path, modality, options.n)
    chunks = with_progress(sample_model(model, options), options.n)
    if path.suffix in arrays.ENDINGS:
        stored = (modality.to_array(modality.store(chunk)).cpu() for chunk in chunks)
        arrays.save(stored, options.n, path)
    else:
        samples = torch.cat([*chunks])
        modality.render(samples, path, columns_of(model, modality))
        for text in modality.texts(samples[:SHOWN]):
            print(printable_lines(text), end="\n\n")
    print(f"{options.n} samples of {options.name} are in {path}")


def check_output(path: Path, modality: "Modality", n: int) -> None:
    """Raise ZooError unless a file has an ending of the modality, or of an array for many."""
    from zoo.plotting import arrays

    endings = (modality.suffix, *modality.formats, *arrays.ENDINGS)
    if path.suffix not in endings:
        raise ZooError(f"--to must be a file that ends in {', '.join(endings)}, got {path}")
    if n > modality.most and path.suffix not in arrays.ENDINGS:
        raise ZooError(
            f"n must be <= {modality.most} for a {path.suffix} file, got {n}. Write an array by "
            f"--to {path.with_suffix('.npy')}"
        )


def with_progress(chunks: "Iterator[Tensor]", n: int) -> "Iterator[Tensor]":
    """Yield chunks of n samples on the CPU, with a progress bar."""
    from tqdm import tqdm

    with tqdm(desc="samples", total=n, leave=False, disable=None, delay=2) as bar:
        for chunk in chunks:
            yield chunk.cpu()
            bar.update(len(chunk))


def sample_model(model: "ZooModule", options: Namespace) -> "Iterator[Tensor]":
    """Samples of a model in chunks, truncated with `--truncation`; raises ZooError."""
    from zoo.analysis import latents
    from zoo.core.latent_models import LatentVariableModel
    from zoo.core.protocols import SupportsChunkedSampling, SupportsSampling

    if options.truncation is None:
        if settings := sampling_settings(model, options):
            draw: Callable[..., Tensor] = model.sample  # type: ignore[assignment]
            return iter([draw(options.n, options.seed, **settings)])
        if isinstance(model, SupportsChunkedSampling):
            return model.sample_chunks(options.n, options.seed)
        if not isinstance(model, SupportsSampling):
            raise ZooError(
                f"the model must sample, got {options.name}, a {type(model).__name__}. "
                "Choose a generative model"
            )
        return iter([model.sample(options.n, options.seed)])
    if not isinstance(model, LatentVariableModel):
        raise ZooError(
            f"the model must decode images from latents for --truncation, got {options.name}, a "
            f"{type(model).__name__}. Sample without --truncation"
        )
    return latents.sample_truncated(model, options.n, options.truncation, options.seed)


def sampling_settings(model: "ZooModule", options: Namespace) -> dict[str, object]:
    """The given options that are arguments of the model's `sample`; raises ZooError for others."""
    given = {
        name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None
    }
    known = inspect.signature(getattr(model, "sample", lambda: None)).parameters
    if unknown := [name for name in given if name not in known]:
        raise ZooError(
            f"--{unknown[0].replace('_', '-')} must be left out for {options.name}, a "
            f"{type(model).__name__}, whose samples do not take it"
        )
    return given


def interpolate(options: Namespace) -> None:
    """Write interpolations between samples or between real images as a PNG."""
    from zoo.plotting import pictures

    between = {"real": between_real, "samples": between_samples}[options.between]
    found = between(options)
    if isinstance(found, list):
        write_lines(found, options)
    else:
        pictures.save(found, options.to)
    ends = {"real": "real images", "samples": "samples"}[options.between]
    print(f"{options.rows} interpolations between {ends} by {options.name} are in {options.to}")


def write_lines(paths: "list[list[str]]", options: Namespace) -> None:
    """Print interpolations between lines of text, and write them into a text file."""
    from zoo.files import atomic_write

    options.to = options.to.with_suffix(".txt")
    text = "\n\n".join("\n".join(map(printable_lines, path)) for path in paths)
    print(text, end="\n\n")
    with atomic_write(options.to) as beside:
        beside.write_text(f"{text}\n", encoding="utf-8")


def between_samples(options: Namespace) -> "Tensor | list[list[str]]":
    """Render interpolations between latents of the prior, one for each row."""
    from zoo.analysis import latents
    from zoo.core.latent_models import ConditionalModel, LatentVariableModel
    from zoo.core.modality import modality_of
    from zoo.plotting import pictures

    model = catalog.load(options.name, options.device)
    if not isinstance(model, LatentVariableModel):
        raise ZooError(
            f"the model must decode images from latents, got {options.name}, a "
            f"{type(model).__name__}. Interpolate between codes of images by --between real"
        )
    ends = model.prior(2 * options.rows, options.seed)
    interpolation = latents.PATHS[options.path or "great-circle"]
    path = interpolation(ends[: options.rows], ends[options.rows :], options.steps)
    if isinstance(model, ConditionalModel):  # all images of a path have the same label
        labels = model.cyclic_labels(options.rows).repeat_interleave(options.steps)
        images = model.decode(path, labels)
    else:
        images = model.decode(path)
    texts = modality_of(model).texts(images)
    if texts:
        lines = [text.rstrip() for text in texts]
        starts = range(0, len(lines), options.steps)
        return [lines[start : start + options.steps] for start in starts]
    return pictures.grid(images, columns=options.steps)


def between_real(options: Namespace) -> "Tensor":
    """Render interpolations between codes of real images, which stand at both ends of a row."""
    from zoo.analysis import latents
    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    require_unconditional(options, model)
    pixels = images_for(options, model).pixels
    selected = random_order(len(pixels), options.seed)[: 2 * options.rows]
    if len(selected) < 2 * options.rows:
        raise ZooError(
            f"--rows must be <= {len(pixels) // 2}, half of the {len(pixels)} images, got "
            f"{options.rows}. Choose fewer rows"
        )
    images = normalize(pixels[selected].to(model.device))
    a, b = images[: options.rows], images[options.rows :]
    interpolation = latents.PATHS[options.path or "straight"]
    path = latents.interpolate(codec, a, b, options.steps, interpolation)
    columns = (1, options.steps, 1)
    parts = [pictures.grid(x, c) for x, c in zip((a, path, b), columns, strict=True)]
    return pictures.hstack(*parts)


def random_order(n: int, seed: int) -> "Tensor":
    """Random permutation (n,) of the numbers from 0 to n - 1, by a seed."""
    import torch

    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
