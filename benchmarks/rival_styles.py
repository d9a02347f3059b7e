"""StyleGAN2's training step as ports to PyTorch write it, for comparison."""

import torch
from rivals import Rival, Spec, descend, our_batches, parts, recipe
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad, softplus

from zoo.layers.resample import TAPS
from zoo.layers.styles import ModulatedConv, StyleGenerator
from zoo.losses.penalties import path_lengths, r1


class GroupedConv(nn.Module):
    """A modulated convolution with materialized weights for each image: one convolution with as
    many groups as images. Its parameters are those of our layer."""

    def __init__(self, ours: ModulatedConv) -> None:
        super().__init__()
        self.ours, self.style, self.weight = ours, ours.style, ours.weight

    def forward(self, x: Tensor, w: Tensor, demodulate: bool = True) -> Tensor:
        n, (b, a, k, _) = len(x), self.weight.shape
        weights = self.weight[None] * self.ours.scale * self.style(w)[:, None, :, None, None]
        if demodulate:
            weights = weights * (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        x = x.reshape(1, n * a, *x.shape[2:])
        if self.ours.up:
            weights = weights.transpose(1, 2).reshape(n * a, b, k, k)
            x = filtered(conv_transpose2d(x, weights, stride=2, groups=n))
        else:
            x = conv2d(x, weights.reshape(n * b, a, k, k), padding=k // 2, groups=n)
        return x.reshape(n, b, *x.shape[2:])


def filtered(x: Tensor) -> Tensor:
    """The low-pass filter behind a transposed convolution, with channels as images."""
    flat = pad(x.reshape(-1, 1, *x.shape[2:]), (1, 1, 1, 1))
    taps = (4 * TAPS.outer(TAPS))[None, None]
    return conv2d(flat, taps).reshape(*x.shape[:2], x.shape[2] - 1, x.shape[3] - 1)


def replace(network: nn.Module) -> None:
    """Replace each modulated convolution of a network by a grouped one."""
    for child in list(network.modules()):
        if isinstance(conv := getattr(child, "conv", None), ModulatedConv):
            child.conv = GroupedConv(conv)


def styles(name: str = "stylegan2-celeba") -> Spec:
    """The recipe of StyleGAN2."""
    return recipe(name)


def grouped(spec: Spec, device: str) -> Rival:
    """The step of StyleGAN2 with grouped convolutions in NCHW, and new fakes in each turn."""
    spec.model.to(memory_format=torch.contiguous_format)
    D, G, latent, adam_d, adam_g = parts(spec, device)
    assert isinstance(G, StyleGenerator)
    replace(G)
    mean = torch.zeros((), device=device)
    for step, (images, _) in enumerate(our_batches(spec.data, device)):
        real = images.contiguous()
        with torch.no_grad():
            fake = G(torch.randn(len(real), latent, device=device))
        descend(adam_d, softplus(-D(real)).mean() + softplus(D(fake)).mean())
        if step % 16 == 0:
            descend(adam_d, 16 * spec.model.hparams["r1_weight"] * r1(D, real))
        descend(adam_g, softplus(-D(G(torch.randn(len(real), latent, device=device)))).mean())
        if step % 4 == 0:
            w = G.styles(torch.randn(len(real) // 2, latent, device=device))
            lengths = path_lengths(G.synthesis, w)
            mean.lerp_(lengths.detach().mean(), 0.01)
            descend(adam_g, 8 * (lengths - mean).square().mean())
        yield
