"""Two processes are one training: on the CPU over gloo, launched by torchrun."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import made_once
from ranks import KINDS, LATENT, SHARE, build
from torch import Tensor
from torch.nn.functional import softplus
from toys import differences

from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.data.images import normalize
from zoo.data.resumable import ResumableSampler
from zoo.pretrained import catalog

HERE = Path(__file__).parent
STEPS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two ranks left of all that they did in one launch."""
    return made_once(tmp_path_factory, "ranks", launch_two)


def launch_two(place: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"PYTHONPATH": f"{HERE.parent}:{HERE}", "OMP_NUM_THREADS": "1"}
    command = [*launch, str(HERE / "ranks.py"), str(place)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def found(folder: Path, rank: int, kind: str) -> dict[str, dict[str, Tensor]]:
    return torch.load(folder / f"rank-{rank}" / f"{kind}.pt", weights_only=True)


def whole_batch() -> Tensor:
    """The images of both ranks' first batches, one rank after the other."""
    pixels = Digits().images("train").pixels
    orders = [list(ResumableSampler(pixels, 2, rank, drop_last=True))[:SHARE] for rank in range(2)]
    return normalize(pixels[torch.tensor(orders).flatten()])


def seeds(*shapes: tuple[int, ...]) -> list[Tensor]:
    """What both ranks draw first: normal numbers, then uniform ones, rank after rank."""
    draws = []
    for rank in range(2):
        torch.manual_seed(rank)
        draws.append(
            [draw(shape) for draw, shape in zip((torch.randn, torch.rand), shapes, strict=False)]
        )
    return [torch.cat(sides) for sides in zip(*draws, strict=True)]


def dcgan(model: ZooModule, x: Tensor) -> Tensor:
    D, G = model.discriminator, model.generator
    (z,) = seeds((SHARE, LATENT))
    return softplus(-D(x)).mean() + softplus(D(G(z).detach())).mean()


def wgan_gp(model: ZooModule, x: Tensor) -> Tensor:
    """The first of five critic steps, penalty and all."""
    D, G, share = model.critic, model.generator, SHARE // 5
    x = torch.cat([x[:share], x[SHARE : SHARE + share]])
    z, epsilon = seeds((share, LATENT), (share, 1, 1, 1))
    fake = G(z).detach()
    between = x.lerp(fake, epsilon).requires_grad_()
    (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
    return D(fake).mean() - D(x).mean() + 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()


def vae(model: ZooModule, x: Tensor) -> Tensor:
    mean, log_variance = model.encoder(x).chunk(2, dim=1)
    (noise,) = seeds((SHARE, LATENT))
    z = mean + (log_variance / 2).exp() * noise
    error = torch.distributions.Normal(model.decoder(z).tanh(), 0.1).log_prob(x).flatten(1).sum(1)
    divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
    return (divergence - error).mean()


@pytest.mark.parametrize(("kind", "loss"), [("dcgan", dcgan), ("wgan-gp", wgan_gp), ("vae", vae)])
def test_two_halves_make_one_gradient(
    kind: str, loss: Callable[[ZooModule, Tensor], Tensor], folder: Path
) -> None:
    """That of two ranks with half a batch is that of one with the whole batch, by hand."""
    model = build(kind, norms=False)
    loss(model, whole_batch()).backward()
    for rank in range(2):
        gradients = found(folder, rank, kind)["gradients"]
        assert gradients
        for name, parameter in model.named_parameters():
            if name in gradients:
                torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_ranks_agree(kind: str, folder: Path) -> None:
    """On weights and on their averages, batch statistics included, bit for bit."""
    one, other = (found(folder, rank, kind) for rank in range(2))
    assert list(differences(one, other)) == []
    assert one["seen"] == STEPS * 2 * SHARE


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_drawn_once(kind: str, folder: Path) -> None:
    drawn = sorted(path.name for path in (folder / "rank-0" / kind / "samples").iterdir())
    assert drawn == ["epoch-0000.png", "epoch-0001.png"]
    assert not (folder / "rank-1" / kind).exists()


@pytest.mark.parametrize("name", catalog.list_recipes())
def test_every_recipe_trains_on_two(name: str, folder: Path) -> None:
    """Without an error or a rank that waits; players and averages agree afterwards."""
    one, other = (torch.load(folder / f"recipes-{rank}.pt", weights_only=True) for rank in range(2))
    assert list(differences(one[name], other[name])) == []


def test_one_run_folder_and_an_exact_resume(folder: Path) -> None:
    """By the command; the stop was asked of one rank, and all of them left."""
    runs = sorted(path.name for path in (folder / "runs").iterdir())
    assert runs == ["dcgan-digits-smoke-test", "dcgan-digits-smoke-test.2"]
    whole, rest = (torch.load(folder / "runs" / r / "last.ckpt", weights_only=True) for r in runs)
    assert list(differences(whole, rest)) == []
    assert len(whole["rng_states"]) == 2
    assert whole["images_seen"] == 2 * 3 * 40 * 2
    log = (folder / "runs" / runs[1] / "log.txt").read_text()
    assert "stops at step 2: SIGTERM" in log
    assert log.count("starts at step") == 2


def test_lightning_launches_ranks_too(tmp_path: Path) -> None:
    command = [
        "-m",
        "zoo",
        "fit",
        "vae-digits",
        "--smoke-test",
        "--trainer.accelerator",
        "cpu",
        "--trainer.devices",
        "2",
    ]
    environment = os.environ | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=1200,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["vae-digits-smoke-test"]
    assert answer.stdout.count("it runs; at this size") == 1
