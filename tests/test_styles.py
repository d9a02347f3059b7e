"""Tools of the style space: facts, and the commands that use them."""

from pathlib import Path

import pytest
import torch

import zoo
from zoo.analysis import styles
from zoo.cli import main
from zoo.errors import ZooError
from zoo.gans import DCGAN, StyleGAN2
from zoo.plotting import pictures


@pytest.fixture(scope="module")
def model() -> StyleGAN2:
    torch.manual_seed(0)
    model = StyleGAN2(size=16, channels=1, latent=8, width=4, mapping_depth=2).eval()
    model.generator.mean_style.copy_(model.styles(model.prior(2000, 0))[:, 0].mean(0))
    return model


@pytest.fixture(scope="module")
def path(model: StyleGAN2, tmp_path_factory: pytest.TempPathFactory) -> Path:
    zoo.save(model, path := tmp_path_factory.mktemp("styles") / "toy.safetensors")
    return path


def test_truncation_moves_styles_to_their_mean(model: StyleGAN2) -> None:
    w, mean = model.styles(model.prior(3, 0)), model.mean_style()
    assert torch.allclose(styles.truncate_styles(w, mean, 1.0), w)
    assert torch.equal(styles.truncate_styles(w, mean, 0.0), mean.expand_as(w))


def test_mixed_images_have_the_styles_of_both(model: StyleGAN2) -> None:
    w = model.styles(model.prior(5, 0))
    rows, columns = w[:2], w[2:]
    for layers in styles.levels(w.shape[1]).values():
        mixed = styles.mix_styles(rows, columns, layers).unflatten(0, (2, 3))
        assert torch.equal(mixed[1, 2, layers], columns[2, layers])
        others = [i for i in range(w.shape[1]) if i not in range(w.shape[1])[layers]]
        assert torch.equal(mixed[1, 2, others], rows[1, others])


def test_the_levels_are_all_layers_once() -> None:
    for layers in (3, 6, 10, 18):
        parts = [range(layers)[part] for part in styles.levels(layers).values()]
        assert [i for part in parts for i in part] == list(range(layers))
    assert styles.levels(18) == {"coarse": slice(0, 4), "middle": slice(4, 8), "fine": slice(8, 18)}


def test_sefa_finds_the_direction_that_changes_scales_most(model: StyleGAN2) -> None:
    found = styles.factorize(model)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(8), atol=1e-5)
    weights = [torch.nn.functional.normalize(w, dim=1) for w in model.style_weights()]

    def change(direction: torch.Tensor) -> torch.Tensor:
        return torch.stack([(w @ direction).square().sum() for w in weights]).sum()

    changes = [change(v).item() for v in found.vectors]
    assert changes == pytest.approx(found.strength.tolist(), rel=1e-4)
    assert changes == sorted(changes, reverse=True)
    assert all(change(v / v.norm()) <= changes[0] + 1e-4 for v in torch.randn(50, 8))


def test_the_matrices_of_styles_map_them_to_scales(model: StyleGAN2) -> None:
    first = model.generator.synthesis.first.conv
    w = torch.randn(4, 8)
    assert torch.allclose(
        w @ model.style_weights()[0].T + first.style.bias, first.style(w), atol=1e-5
    )
    assert len(model.style_weights()) == model.generator.layers


def test_principal_directions_are_those_of_the_covariance(model: StyleGAN2) -> None:
    found = styles.principal_directions(model, 500)
    w = model.styles(model.prior(500, 0))[:, 0]
    along = (w @ found.vectors.T).std(0)
    assert torch.allclose(along, found.strength, rtol=1e-3)
    assert along.tolist() == sorted(along.tolist(), reverse=True)


def test_a_move_changes_only_its_layers(model: StyleGAN2) -> None:
    w = model.styles(model.prior(2, 0))
    moved = styles.move(w, torch.ones(8), 3, 2.0, slice(1, 3)).unflatten(0, (2, 3))
    assert torch.equal(moved[:, 1], w)
    assert torch.allclose(moved[:, 2, 1:3] - w[:, 1:3], torch.tensor(2.0), atol=1e-5)
    assert torch.equal(moved[:, 0, 3:], w[:, 3:])


def test_projection_comes_near_a_sample(model: StyleGAN2) -> None:
    target = model.sample(2, seed=3)
    mean = model.synthesize(model.mean_style().expand(2, model.generator.layers, -1))
    before = (mean - target).square().mean()
    for by_layer in (False, True):
        w = styles.project_to_styles(model, target, 150, by_layer)
        assert (model.synthesize(w) - target).square().mean() < before / 4
        assert bool((w == w[:, :1]).all()) is not by_layer


def test_the_path_length_of_a_linear_generator() -> None:
    """Images A w have |A (b - a)|^2 everywhere between a and b."""

    class Linear:
        def prior(self, n: int, seed: int) -> torch.Tensor:
            return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed)).double()

        def styles(self, z: torch.Tensor) -> torch.Tensor:
            return z[:, None]

        def synthesize(self, w: torch.Tensor) -> torch.Tensor:
            return 3 * w

    model = Linear()
    lengths = torch.cat([*styles.path_length(model, lambda a, b: (a - b).square().sum((1, 2)), 60)])  # type: ignore[arg-type]
    a, b = model.prior(60, 0), model.prior(60, 1)
    assert torch.allclose(lengths, 9 * (b - a).square().sum(1), rtol=1e-4)


def test_other_models_have_no_styles() -> None:
    with pytest.raises(ZooError, match="DCGAN"):
        styles.require_styles(DCGAN(size=8, width=4, latent=4), "x")


@pytest.mark.parametrize(
    ("command", "size"),
    [
        ("mix --rows 1 --columns 2", (4, 3)),
        ("directions --rows 2 --steps 3", (2, 3)),
        ("directions --rows 2 --steps 3 --method pca --layers fine", (2, 3)),
        ("sample -n 4 --truncation 0.5", None),
    ],
)
def test_commands(path: Path, tmp_path: Path, command: str, size: tuple[int, int] | None) -> None:
    verb, *rest = command.split()
    main([verb, str(path), *rest, "--to", str(tmp_path / "a.png")])
    main([verb, str(path), *rest, "--to", str(tmp_path / "b.png")])
    one, two = (pictures.read(tmp_path / name) for name in ("a.png", "b.png"))
    assert torch.equal(one, two)
    assert one.shape[2] > one.shape[1] if size == (2, 3) else one.numel()


def test_a_projection_into_styles_is_a_command(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pictures.save(pictures.grid(torch.rand(1, 1, 16, 16)), tmp_path / "one.png")
    for space in ("w", "w+"):
        to = str(tmp_path / "out" / "p.png")
        folder = ["--folder", str(tmp_path), "-n", "1"]
        main(["project", str(path), *folder, "--steps", "3", "--space", space, "--to", to])
        assert "mse" in capsys.readouterr().out
