"""Verbs that set what comes back beside what went in."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, add_place, add_sampling, positive
from zoo.cli.images import add_folder, add_images, images_for, load_codec, load_reconstructor

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.analysis.compression import Compressed
    from zoo.core.protocols import SupportsReconstruction


def register(verb: AddCommand) -> None:
    add = verb(reconstruct, "Draw images, and below them what the model makes of them.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=16, help="how many (16)")
    add_images(add)
    add_folder(add)
    add_place(add, Path("reconstructions.png"))

    add = verb(denoise, "Draw noisy images, below them the model's answer, then the true ones.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=8, help="how many (8)")
    add(
        "--noise",
        type=float,
        help="standard deviation, pixels in [-1, 1] (what it was trained on, else 0.5)",
    )
    add_images(add)
    add_folder(add)
    add_sampling(add, Path("denoised.png"))

    add = verb(compress, "Set bits against quality: quantised codes, and JPEG at equal sizes.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=2000, help="how many images (2000)")
    add_images(add)
    add_place(add, Path("compression.png"))


def reconstruct(options: Namespace) -> None:
    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, network = load_reconstructor(options)
    true = normalize(images_for(options, model, options.n).pixels.to(model.device))
    again = network.reconstruct(true)
    pictures.save(pictures.grid(pictures.rows(true, again)), options.to)
    print(f"{len(true)} images, what {options.name} makes of them below, are in {options.to}")
    print(f"PSNR {quality(again, true)}")


def denoise(options: Namespace) -> None:
    import torch

    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, network = load_reconstructor(options)
    true = normalize(images_for(options, model, options.n).pixels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        noisy = corrupt_images(network, true, options.noise)
    clean = network.reconstruct(noisy.to(model.device)).cpu()
    before, after = quality(noisy.clamp(-1, 1), true), quality(clean, true)
    drawn = pictures.grid(pictures.rows(noisy, clean, true, columns=len(true)), len(true))
    captions = f"noisy, {before}", f"denoised, {after}", "true"
    pictures.save(pictures.captioned(drawn, captions), options.to)
    print(f"{len(true)} images: noisy, as {options.name} answers, and true, are in {options.to}")
    print(f"PSNR of the noisy {before}, of the answers {after}")


def corrupt_images(
    network: "SupportsReconstruction", true: "Tensor", noise: float | None
) -> "Tensor":
    """Images with Gaussian noise, or as the model saw them in training where none is given."""
    import torch

    from zoo.core.protocols import Denoiser

    if noise is None and isinstance(network, Denoiser):
        return network.corrupt(true)
    return (true + (0.5 if noise is None else noise) * torch.randn_like(true)).clamp(-1, 1)


def quality(images: "Tensor", true: "Tensor") -> str:
    """Mean PSNR over images, both (n, channels, size, size) in [-1, 1], in words."""
    from zoo.metrics.rates import psnr

    return f"{float(psnr(images, true).mean()):.1f} dB"


def compress(options: Namespace) -> None:
    from zoo.analysis import compression
    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    true = normalize(images_for(options, model, options.n).pixels.to(model.device))
    ours = list(compression.by_codes(codec, true))
    jpeg = list(compression.by_jpeg(true))
    pairs = [(way, compression.best_within(way.bits, jpeg)) for way in ours]
    print(f"{'bits per pixel':>14}  {'PSNR':>8}  {options.name:<20}  the best JPEG of that size")
    for way, other in pairs:
        rival = f"{other.psnr:.1f} dB, {other.method}" if other else "none is so small"
        print(f"{way.bits:14.3f}  {way.psnr:5.1f} dB  {way.method:<20}  {rival}")
    curves = {options.name: ours, "JPEG": compression.frontier(jpeg)}
    pictures.save(render_comparison(true, pairs[len(pairs) // 2], curves), options.to)
    print(f"both curves over {len(true)} images, and some of the images, are in {options.to}")


def render_comparison(
    true: "Tensor",
    pair: "tuple[Compressed, Compressed | None]",
    curves: "dict[str, list[Compressed]]",
) -> "Tensor":
    """Images and what became of them, above quality over bits."""
    from zoo.plotting import pictures
    from zoo.plotting.charts import Curve, chart

    ways = [way for way in pair if way is not None]
    shown = len(ways[0].images)
    sides = [true[:shown].cpu(), *(way.images for way in ways)]
    captions = [f"{way.method}, {way.bits:.2f} bpp" for way in ways]
    images = pictures.grid(pictures.rows(*sides, columns=shown), shown)
    lines = [
        Curve(name, [w.bits for w in ways], [w.psnr for w in ways]) for name, ways in curves.items()
    ]
    graph = chart(lines, "bits per pixel", "PSNR, dB", logarithmic=True)
    return pictures.vstack(pictures.captioned(images, ["true", *captions]), graph)
