"""CycleGAN and CUT: their steps are plain loops; two folders of pictures; metrics without pairs."""

import json
from pathlib import Path

import pytest
import torch
from loops import Batch, assert_same, descend, fit, one_thread
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from toys import QUIET, fails

import zoo
from zoo.cli import main
from zoo.core.modality import ImagePairs, UnpairedImages
from zoo.core.protocols import HasDirections
from zoo.data import CelebAAttribute, UnpairedFolders
from zoo.data.arrays import Examples
from zoo.data.unpaired import UnpairedSlices
from zoo.errors import BadInput, BadRecipe, MissingData
from zoo.plotting import pictures
from zoo.translation import CUT, CycleGAN
from zoo.translation.cyclegan import POOL, ImagePool, ResNetGenerator

__all__ = ["one_thread"]  # for every test of this file too
SIZE = 32
SMALL = ["--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1", *QUIET]


def batches() -> list[Batch]:
    x, y = torch.rand(2, 8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return list(zip(x.split(2), y.split(2), strict=True))


def cyclegan(identity: float = 0.5) -> CycleGAN:
    torch.manual_seed(0)
    return CycleGAN(SIZE, width=2, blocks=1, identity_weight=identity)


def rates(steps: int) -> list[float]:
    """Constant for half of the steps, then linear to zero."""
    return [2e-4 * min(1.0, 2 * (1 - k / steps)) for k in range(steps)]


def zhu_2017(model: CycleGAN) -> None:
    """Equation 3 with identity losses, then both discriminators; the pools are not full."""
    G, F = model.generator, model.inverse
    D_Y, D_X = model.target_discriminator, model.input_discriminator
    g = Adam([*G.parameters(), *F.parameters()], betas=(0.5, 0.999), fused=True)
    d = Adam([*D_Y.parameters(), *D_X.parameters()], betas=(0.5, 0.999), fused=True)
    for (x, y), lr in zip(batches(), rates(4), strict=True):
        for optimizer in (g, d):
            optimizer.param_groups[0]["lr"] = lr
        fake_y, fake_x = G(x), F(y)
        gan = (D_Y(fake_y) - 1).square().mean() + (D_X(fake_x) - 1).square().mean()
        cycle = (F(fake_y) - x).abs().mean() + (G(fake_x) - y).abs().mean()
        identity = (G(y) - y).abs().mean() + (F(x) - x).abs().mean()
        for D in (D_X, D_Y):
            D.requires_grad_(False)
        descend(g, gan + 10 * cycle + 5 * identity)
        for D in (D_X, D_Y):
            D.requires_grad_(True)
        loss = torch.zeros(())
        for D, real, fake in ((D_Y, y, fake_y), (D_X, x, fake_x)):
            loss = loss + ((D(real) - 1).square().mean() + D(fake.detach()).square().mean()) / 2
        descend(d, loss)


def test_a_cycle_is_the_algorithm() -> None:
    model, plain = cyclegan(), cyclegan()
    fit(model, batches=batches())
    zhu_2017(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def cut() -> CUT:
    torch.manual_seed(0)
    return CUT(SIZE, width=2, blocks=2)


def patch_nce(model: CUT, x: Tensor, output: Tensor) -> Tensor:
    """Equation 4, place by place."""
    total = []
    of_x, of_output = model.encode_layers(x), model.encode_layers(output)
    places = [torch.randperm(m.shape[2] * m.shape[3])[:256] for m in of_x]
    for head, key, query, at in zip(model.features, of_x, of_output, places, strict=True):
        k, q = (
            torch.nn.functional.normalize(head(m.flatten(2)[:, :, at].transpose(1, 2)), dim=-1)
            for m in (key, query)
        )
        for image in range(len(x)):
            logits = q[image] @ k[image].detach().T / 0.07
            total.append(cross_entropy(logits, torch.arange(len(at))))
    return torch.stack(total).unflatten(0, (5, len(x))).mean(1).mean()


def park_2020(model: CUT) -> None:
    """Equation 5: D, then G with the contrastive losses of translations and of targets."""
    D, G = model.discriminator, model.generator
    d = Adam(D.parameters(), betas=(0.5, 0.999), fused=True)
    g = Adam([*G.parameters(), *model.features.parameters()], betas=(0.5, 0.999), fused=True)
    for (x, y), lr in zip(batches(), rates(4), strict=True):
        for optimizer in (g, d):
            optimizer.param_groups[0]["lr"] = lr
        fake = G(x)
        descend(d, ((D(y) - 1).square().mean() + D(fake.detach()).square().mean()) / 2)
        D.requires_grad_(False)
        contrast = (patch_nce(model, x, fake) + patch_nce(model, y, G(y))) / 2
        descend(g, (D(fake) - 1).square().mean() + contrast)
        D.requires_grad_(True)


def test_contrast_is_the_algorithm() -> None:
    model, plain = cut(), cut()
    fit(model, batches=batches())
    torch.manual_seed(1)
    park_2020(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-5), name


def test_the_generator_is_that_of_the_appendix() -> None:
    """Nine blocks at width 64: 11.4 million parameters; the image keeps its size."""
    with torch.device("meta"):
        network = ResNetGenerator(3, 3, 64, 9)
        assert network(torch.empty(1, 3, 64, 64)).shape == (1, 3, 64, 64)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 11.4


def test_a_full_pool_returns_earlier_images() -> None:
    pool = ImagePool()
    first = torch.arange(POOL).float().view(-1, 1, 1, 1)
    assert torch.equal(pool.exchange(first), first)
    torch.manual_seed(0)
    later = torch.arange(1000, 1400).float().view(-1, 1, 1, 1)
    found = pool.exchange(later).flatten()
    assert 150 < int((found != later.flatten()).sum()) < 250
    assert len(pool.images) == POOL
    everything = torch.cat([found, torch.stack(pool.images).flatten()])
    assert len(everything.unique()) == POOL + 400  # none is lost, none twice


def test_a_checkpoint_keeps_the_pools(tmp_path: Path) -> None:
    model = cyclegan()
    fit(model, batches=batches()).save_checkpoint(tmp_path / "a.ckpt")
    again = cyclegan()
    again.on_load_checkpoint(torch.load(tmp_path / "a.ckpt", weights_only=True))
    for name, pool in model.pools.items():
        assert len(pool.images) == 8
        assert torch.equal(torch.stack(pool.images), torch.stack(again.pools[name].images))


def test_both_directions_translate() -> None:
    model = cyclegan()
    assert isinstance(model, HasDirections)
    x = batches()[0][0]
    forward, reverse = (model.translate_to(x, name) for name in model.directions())
    assert torch.equal(forward, model.translate(x))
    assert not torch.equal(forward, reverse)
    with pytest.raises(BadInput, match="32"):
        model.translate_to(x[..., :16], "reverse")


@pytest.mark.parametrize("kind", [CycleGAN, CUT])
def test_sizes_fit_the_strides(kind: type[CycleGAN | CUT]) -> None:
    with pytest.raises(BadRecipe, match="multiple of 4"):
        kind(size=30)
    with pytest.raises(BadRecipe, match="identity_weight"):
        CycleGAN(size=32, input_channels=1, identity_weight=0.5)


def test_sets_without_pairs_are_no_pairs() -> None:
    shape = 3, SIZE, SIZE
    pairs, unpaired = ImagePairs(shape, shape), UnpairedImages(shape, shape)
    assert pairs.mismatch(pairs) is None
    assert unpaired.mismatch(unpaired) is None
    assert pairs.mismatch(unpaired) is not None
    assert unpaired.mismatch(pairs) is not None


def test_the_shorter_set_is_seen_more_often() -> None:
    images = torch.arange(3)[:, None], torch.arange(10, 20)[:, None]
    data = UnpairedSlices(Examples(*images), torch.device("cpu"))
    assert len(data) == 10
    torch.manual_seed(0)
    x, y = data.__getitems__(list(range(10)) * 20)
    assert x.flatten().bincount().tolist() == [80, 60, 60]
    assert set(y.flatten().tolist()) == set(range(10, 20))


@pytest.fixture
def folders(here: Path) -> Path:
    """Eleven dark pictures and twelve bright ones."""
    for name, level, n in (("day", 200, 12), ("a-night", 50, 11)):
        (here / "sky" / name).mkdir(parents=True)
        for i in range(n):
            color = (level + i, level, level - i)
            Image.new("RGB", (40, 36), color).save(here / "sky" / name / f"{i:02}.png")
    return here / "sky"


def test_two_folders_are_two_sets(folders: Path) -> None:
    data = UnpairedFolders(str(folders), size=SIZE)
    train, test = data.examples("train"), data.examples("test")
    assert (len(train.values), len(train.labels)) == (9, 10)
    assert (len(test.values), len(test.labels)) == (2, 2)
    assert train.values.float().mean() < 60  # a-night comes first
    swapped = UnpairedFolders(str(folders), SIZE, input_folder="day", target_folder="a-night")
    assert swapped.examples("train").values.float().mean() > 190
    assert swapped.digest("train") != data.digest("train")
    (folders / "third").mkdir()
    with pytest.raises(BadRecipe, match="got 3"):
        UnpairedFolders(str(folders), SIZE).examples("train")
    with pytest.raises(MissingData, match="--data"):
        UnpairedFolders().examples("train")


def test_published_folders_have_their_splits(folders: Path) -> None:
    (folders / "a-night").rename(folders / "trainA")
    (folders / "day").rename(folders / "trainB")
    for name in ("testA", "testB"):
        (folders / name).mkdir()
        Image.new("RGB", (40, 36)).save(folders / name / "x.png")
    data = UnpairedFolders(str(folders), size=SIZE)
    assert [len(side) for side in data.examples("train")] == [11, 12]
    assert [len(side) for side in data.examples("test")] == [1, 1]


def test_own_folders_are_trained_and_translated(folders: Path) -> None:
    model = ["--model.init_args.width", "2", "--model.init_args.blocks", "1"]
    size = ["--data.init_args.size", "32", "--model.init_args.size", "32"]
    main(["fit", "cyclegan-smiling", "--name", "sky", "--data", "sky", *size, *model, *SMALL])
    terms = ["--license", "CC0-1.0", "--terms", "my own pictures"]
    space = ["--protocol", "quick", "--extractor", "thumbnails"]
    main(["export", "runs/sky", "sky", *terms, *space])
    path = folders.parent / "exports" / "sky.safetensors"
    metrics = {record["metric"]: record for record in zoo.card(path).metrics}
    assert {"fd-thumbnails", "fd-thumbnails-reverse", "cycle-mae"} <= metrics.keys()
    main(["verify", str(path)])
    main(["translate", str(path), "sky/day", "--to", "nights", "--direction", "reverse"])
    assert pictures.read(Path("nights/00.png")).shape == (3, 36, 40)
    assert "forward" in fails("translate", str(path), "sky/day", "--direction", "forwards")


def test_faces_are_split_by_an_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.zeros(6, 40, dtype=torch.long)
    labels[:2, 31] = 1
    pixels = torch.arange(6, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    names = tuple("Smiling" if i == 31 else f"a{i}" for i in range(40))
    monkeypatch.setattr("zoo.data.unpaired.CelebA.attributes", names)
    monkeypatch.setattr(
        "zoo.data.unpaired.CelebA.examples", lambda self, split: Examples(pixels, labels)
    )
    found = CelebAAttribute(size=8).examples("train")
    assert [side[:, 0, 0, 0].tolist() for side in found] == [[2, 3, 4, 5], [0, 1]]
    swapped = CelebAAttribute(size=8, reverse=True).examples("train")
    assert len(swapped.values) == 2
    with pytest.raises(zoo.ZooError, match="Smiling"):
        CelebAAttribute(size=8, attribute="Smilling").examples("train")
    assert json.dumps(CelebAAttribute(size=8).arguments())


def test_equal_states_have_equal_keys() -> None:
    assert_same(cyclegan().state_dict(), cyclegan().state_dict())
