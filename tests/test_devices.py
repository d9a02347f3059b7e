"""Training with two ranks, on the CPU with gloo, launched by torchrun."""

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
    """The files of two ranks from one launch."""
    return made_once(tmp_path_factory, "ranks", launch_two)


def launch_two(place: Path) -> None:
    """Run ranks.py by torchrun with two ranks."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"PYTHONPATH": f"{HERE.parent}:{HERE}", "OMP_NUM_THREADS": "1"}
    command = [*launch, str(HERE / "ranks.py"), str(place)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    assert result.returncode == 0, result.stdout + result.stderr


def load_results(folder: Path, rank: int, kind: str) -> dict[str, dict[str, Tensor]]:
    return torch.load(folder / f"rank-{rank}" / f"{kind}.pt", weights_only=True)


def whole_batch() -> Tensor:
    """The images of the first batches of both ranks, in the order of ranks."""
    pixels = Digits().images("train").pixels
    orders = [list(ResumableSampler(pixels, 2, rank, drop_last=True))[:SHARE] for rank in range(2)]
    return normalize(pixels[torch.tensor(orders).flatten()])


def first_random_numbers(*shapes: tuple[int, ...]) -> list[Tensor]:
    """The first random numbers of both ranks in their order: normal ones, then uniform ones."""
    of_ranks = []
    for rank in range(2):
        torch.manual_seed(rank)
        samplers = zip((torch.randn, torch.rand), shapes, strict=False)
        of_ranks.append([sampler(shape) for sampler, shape in samplers])
    return [torch.cat(parts) for parts in zip(*of_ranks, strict=True)]


def dcgan(model: ZooModule, x: Tensor) -> Tensor:
    D, G = model.discriminator, model.generator
    (z,) = first_random_numbers((SHARE, LATENT))
    return softplus(-D(x)).mean() + softplus(D(G(z).detach())).mean()


def wgan_gp(model: ZooModule, x: Tensor) -> Tensor:
    """The loss of the first of five critic steps, with the gradient penalty."""
    D, G, share = model.critic, model.generator, SHARE // 5
    x = torch.cat([x[:share], x[SHARE : SHARE + share]])
    z, epsilon = first_random_numbers((share, LATENT), (share, 1, 1, 1))
    fake = G(z).detach()
    between = x.lerp(fake, epsilon).requires_grad_()
    (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
    return D(fake).mean() - D(x).mean() + 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()


def vae(model: ZooModule, x: Tensor) -> Tensor:
    mean, log_variance = model.encoder(x).chunk(2, dim=1)
    (noise,) = first_random_numbers((SHARE, LATENT))
    z = mean + (log_variance / 2).exp() * noise
    error = torch.distributions.Normal(model.decoder(z).tanh(), 0.1).log_prob(x).flatten(1).sum(1)
    divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
    return (divergence - error).mean()


@pytest.mark.parametrize(("kind", "loss"), [("dcgan", dcgan), ("wgan-gp", wgan_gp), ("vae", vae)])
def test_gradients_of_two_ranks_are_those_of_the_whole_batch(
    kind: str, loss: Callable[[ZooModule, Tensor], Tensor], folder: Path
) -> None:
    """The gradients of the whole batch are computed without Lightning."""
    model = build(kind, norms=False)
    loss(model, whole_batch()).backward()
    for rank in range(2):
        gradients = load_results(folder, rank, kind)["gradients"]
        assert gradients
        for name, parameter in model.named_parameters():
            if name in gradients:
                torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_ranks_have_equal_weights(kind: str, folder: Path) -> None:
    """Weights, their averages and batch statistics are bitwise equal."""
    one, other = (load_results(folder, rank, kind) for rank in range(2))
    assert list(differences(one, other)) == []
    assert one["seen"] == STEPS * 2 * SHARE


@pytest.mark.parametrize("kind", KINDS)
def test_rank_zero_alone_writes_sample_grids(kind: str, folder: Path) -> None:
    grids = sorted(path.name for path in (folder / "rank-0" / kind / "samples").iterdir())
    assert grids == ["epoch-0000.png", "epoch-0001.png"]
    assert not (folder / "rank-1" / kind).exists()


@pytest.mark.parametrize("name", catalog.list_recipes())
def test_recipes_train_on_two_ranks(name: str, folder: Path) -> None:
    """Without errors or deadlocks; weights and averages are equal afterwards."""
    one, other = (torch.load(folder / f"recipes-{rank}.pt", weights_only=True) for rank in range(2))
    assert list(differences(one[name], other[name])) == []


def test_two_ranks_have_one_run_folder_and_resume_exactly(folder: Path) -> None:
    """By the command; a signal to one rank stops all ranks."""
    runs = sorted(path.name for path in (folder / "runs").iterdir())
    assert runs == ["dcgan-digits-smoke-test", "dcgan-digits-smoke-test.2"]
    whole, rest = (torch.load(folder / "runs" / r / "last.ckpt", weights_only=True) for r in runs)
    assert list(differences(whole, rest)) == []
    assert len(whole["rng_states"]) == 2
    assert whole["images_seen"] == 2 * 3 * 40 * 2
    log = (folder / "runs" / runs[1] / "log.txt").read_text()
    assert "stops at step 2: SIGTERM" in log
    assert log.count("starts at step") == 2


def test_lightning_can_launch_the_ranks(tmp_path: Path) -> None:
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
    result = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=1200,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["vae-digits-smoke-test"]
    assert result.stdout.count("smoke test passed") == 1
