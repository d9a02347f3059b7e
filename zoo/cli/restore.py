"""Commands that compare images with their reconstructions: reconstruct, denoise, compress."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, add_output, add_sampling, positive
from zoo.cli.images import add_folder, add_images, images_for, load_codec, load_reconstructor

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.analysis.compression import Compressed
    from zoo.core.protocols import SupportsReconstruction


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(reconstruct, "Show images above their reconstructions.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=16, help="number of images (16)")
    add_images(add)
    add_folder(add)
    add_output(add, Path("reconstructions.png"))

    add = add_command(denoise, "Show noisy images above the denoised and the original images.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=8, help="number of images (8)")
    add(
        "--noise",
        type=float,
        help="standard deviation for pixels in [-1, 1] (corruption of the training, else 0.5)",
    )
    add_images(add)
    add_folder(add)
    add_sampling(add, Path("denoised.png"))

    add = add_command(compress, "Compare compression by quantized codes and by JPEG.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=2000, help="number of images (2000)")
    add_images(add)
    add_output(add, Path("compression.png"))


def reconstruct(options: Namespace) -> None:
    """Write images above their reconstructions as a PNG; print the PSNR."""
    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, network = load_reconstructor(options)
    images = normalize(images_for(options, model, options.n).pixels.to(model.device))
    reconstructions = network.reconstruct(images)
    pictures.save(pictures.grid(pictures.rows(images, reconstructions)), options.to)
    print(f"{len(images)} images above reconstructions by {options.name} are in {options.to}")
    print(f"PSNR {mean_psnr(reconstructions, images)}")


def denoise(options: Namespace) -> None:
    """Write noisy, denoised and original images as a PNG; print the PSNR."""
    import torch

    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, network = load_reconstructor(options)
    images = normalize(images_for(options, model, options.n).pixels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        noisy = corrupt_images(network, images, options.noise)
    denoised = network.reconstruct(noisy.to(model.device)).cpu()
    before, after = mean_psnr(noisy.clamp(-1, 1), images), mean_psnr(denoised, images)
    n = len(images)
    grid = pictures.grid(pictures.rows(noisy, denoised, images, columns=n), n)
    captions = f"noisy, {before}", f"denoised, {after}", "original"
    pictures.save(pictures.add_captions(grid, captions), options.to)
    print(f"{n} noisy, denoised (by {options.name}) and original images are in {options.to}")
    print(f"PSNR of noisy images {before}, of denoised images {after}")


def corrupt_images(
    network: "SupportsReconstruction", images: "Tensor", noise: float | None
) -> "Tensor":
    """Add normal noise to images, or corrupt them as in the model's training if noise is None."""
    import torch

    from zoo.core.protocols import Denoiser

    if noise is None and isinstance(network, Denoiser):
        return network.corrupt(images)
    std = 0.5 if noise is None else noise
    return (images + std * torch.randn_like(images)).clamp(-1, 1)


def mean_psnr(images: "Tensor", target: "Tensor") -> str:
    """Mean PSNR of images (n, channels, size, size) in [-1, 1], as text with its unit."""
    from zoo.metrics.rates import psnr

    return f"{float(psnr(images, target).mean()):.1f} dB"


def compress(options: Namespace) -> None:
    """Print bits and PSNR of quantized codes and of JPEG; write both curves as a PNG."""
    from zoo.analysis import compression
    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    images = normalize(images_for(options, model, options.n).pixels.to(model.device))
    codes = list(compression.by_codes(codec, images))
    jpeg = list(compression.by_jpeg(images))
    pairs = [(result, compression.best_within(result.bits, jpeg)) for result in codes]
    print(
        f"{'bits per pixel':>14}  {'PSNR':>8}  {options.name:<20}  best JPEG of at most that size"
    )
    for result, best in pairs:
        comparison = f"{best.psnr:.1f} dB, {best.method}" if best else "none"
        print(f"{result.bits:14.3f}  {result.psnr:5.1f} dB  {result.method:<20}  {comparison}")
    curves = {options.name: codes, "JPEG": compression.frontier(jpeg)}
    pictures.save(render_comparison(images, pairs[len(pairs) // 2], curves), options.to)
    print(f"curves of {len(images)} images and some of the images are in {options.to}")


def render_comparison(
    images: "Tensor",
    pair: "tuple[Compressed, Compressed | None]",
    curves: "dict[str, list[Compressed]]",
) -> "Tensor":
    """Render some images, compressed by both methods of a pair, above curves of PSNR over bits."""
    from zoo.plotting import pictures
    from zoo.plotting.charts import Curve, chart

    results = [result for result in pair if result is not None]
    n = len(results[0].images)
    sides = [images[:n].cpu(), *(result.images for result in results)]
    captions = ["original", *(f"{result.method}, {result.bits:.2f} bpp" for result in results)]
    grid = pictures.grid(pictures.rows(*sides, columns=n), n)
    lines = [
        Curve(name, [r.bits for r in results], [r.psnr for r in results])
        for name, results in curves.items()
    ]
    graph = chart(lines, "bits per pixel", "PSNR, dB", logarithmic=True)
    return pictures.vstack(pictures.add_captions(grid, captions), graph)
