"""Walks through a latent space: from one code to another, and along one latent at a time."""

import torch
from torch import Tensor

from zoo.contracts import Codec


def lerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """From each code of a to that of b, both (n, latent), straight: (n * steps, latent)."""
    t = torch.linspace(0, 1, steps, device=a.device)[None, :, None]
    return torch.lerp(a[:, None], b[:, None], t).flatten(0, 1)


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """From each latent of a to that of b, both (n, latent), along great circles:
    (n * steps, latent). White, 2016, https://arxiv.org/abs/1609.04468"""
    t = torch.linspace(0, 1, steps, device=a.device)[None, :, None]
    a, b = a[:, None], b[:, None]
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)[..., None]
    angle = cosine.clamp(-0.9999, 0.9999).arccos()
    path = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return path.flatten(0, 1)


def interpolate(model: Codec, a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Images (n * steps, channels, size, size) from a to b, both (n, channels, size, size): what
    the model makes of the codes between theirs. The first and last are the ends, reconstructed."""
    return model.decode(lerp(model.encode(a), model.encode(b), steps))


def traverse(code: Tensor, spread: Tensor, latents: Tensor, steps: int, reach: float) -> Tensor:
    """Codes (latents * steps, latent) around one code (latent,): one latent after the other goes
    from -reach to +reach times its spread (latent,), the others staying."""
    offsets = torch.linspace(-reach, reach, steps, device=code.device)
    moves = torch.zeros(len(latents), steps, len(code), device=code.device)
    for row, latent in enumerate(latents.tolist()):
        moves[row, :, latent] = offsets * spread[latent]
    return (code + moves).flatten(0, 1)
