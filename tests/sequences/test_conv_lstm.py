"""ConvLSTM: a cell equals its equations; moving digits; own clips; metrics beside a still image."""

from pathlib import Path

import numpy as np
import pytest
import torch
from loops import assert_same, fit, one_thread
from PIL import Image
from torch import Tensor
from torch.nn.functional import conv2d
from torch.optim import RMSprop
from toys import QUIET, fails

import zoo
from zoo.cli import main
from zoo.core.modality import Clips
from zoo.data import ClipFolder, MovingMNIST
from zoo.data.arrays import Examples
from zoo.data.clips import cut, trajectories
from zoo.errors import BadInput, BadRecipe, MissingData
from zoo.plotting.clips import save_gif
from zoo.sequences import ConvLSTM
from zoo.sequences.conv_lstm import ConvLSTMCell

__all__ = ["one_thread"]  # for every test of this file too
SMALL = ["--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1", *QUIET]
SHAPE = (1, 16, 16)


def clips(n: int = 6) -> Tensor:
    modality = Clips(SHAPE, 5, 3)
    return modality.normalize(modality.toy(n)[0])


def toy() -> ConvLSTM:
    torch.manual_seed(0)
    return ConvLSTM(16, given=3, predicted=2, width=4, depth=2, kernel=3)


def test_a_cell_is_equation_3() -> None:
    """Each gate by a convolution of its own, and the output gate sees the new memory."""
    torch.manual_seed(0)
    cell = ConvLSTMCell(2, 3, 4, 5)
    torch.nn.init.normal_(cell.peepholes)
    x, h, c = torch.rand(2, 2, 4, 4), torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    weights, biases = cell.gates.weight.chunk(4), cell.gates.bias.chunk(4)

    def product(k: int) -> Tensor:
        of_x = conv2d(x, weights[k][:, :2], padding=2)
        return of_x + conv2d(h, weights[k][:, 2:], biases[k], padding=2)

    i = torch.sigmoid(product(0) + cell.peepholes[0] * c)
    f = torch.sigmoid(product(1) + cell.peepholes[1] * c)
    memory = f * c + i * torch.tanh(product(2))
    o = torch.sigmoid(product(3) + cell.peepholes[2] * memory)
    found_h, found_c = cell(x, (h, c))
    assert torch.allclose(found_c, memory, atol=1e-6)
    assert torch.allclose(found_h, o * torch.tanh(memory), atol=1e-6)


def shi_2015(model: ConvLSTM) -> None:
    """The cross-entropy of all pixels of the frames that follow."""
    optimizer = RMSprop(model.parameters(), lr=1e-3, alpha=0.9)
    for x in clips().split(2):
        p = torch.sigmoid(model(x[:, :3], 2)).clamp(1e-7, 1 - 1e-7)
        y = (x[:, 3:] + 1) / 2
        optimizer.zero_grad()
        (-(y * p.log() + (1 - y) * (1 - p).log()).mean()).backward()
        optimizer.step()


def test_step_is_the_algorithm() -> None:
    model, plain = toy(), toy()
    fit(model, batches=[(x, torch.empty(2, 0)) for x in clips().split(2)])
    shi_2015(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-4), name


def test_a_forecast_begins_where_the_encoder_ends() -> None:
    """More frames extend fewer ones; the frames that are given decide."""
    model, x = toy().eval(), clips()
    few, many = model.predict(x[:, :3]), model.predict(x[:, :3], 4)
    assert few.shape == (6, 2, *SHAPE)
    assert torch.allclose(many[:, :2], few, atol=1e-6)
    assert not torch.allclose(model.predict(x[:, :1]), few)
    assert model.predict(x[:1, :1]).abs().max() <= 1
    with pytest.raises(BadInput, match="clips"):
        model.predict(x[:, 0])
    with pytest.raises(BadInput, match="frames"):
        model.predict(x, 0)
    with pytest.raises(BadInput, match="none"):
        model.predict(x[:, :0])
    with pytest.raises(BadRecipe, match="kernel"):
        ConvLSTM(kernel=4)


def test_digits_bounce_off_the_borders() -> None:
    """Constant speed between bounces; every corner is inside."""
    paths = trajectories(np.random.RandomState(0), 200, 200, 36)
    assert paths.min() == 0
    assert paths.max() == 36
    steps = np.abs(np.diff(paths, axis=1))
    assert steps.max() <= 4
    assert 3.2 < np.linalg.norm(np.diff(paths, axis=1), axis=2).mean() < 3.7


def test_moving_digits_are_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.full((10, 1, 28, 28), 200, dtype=torch.uint8)
    labels = torch.arange(10)
    monkeypatch.setattr(
        "zoo.data.clips.MNIST.examples", lambda self, split: Examples(images, labels)
    )
    monkeypatch.setattr("zoo.data.clips.NUMBERS", {"train": 30, "test": 10})
    data = MovingMNIST()
    test = data.examples("test").values
    assert test.shape == (10, 20, 1, 64, 64)
    areas = test.gt(0).sum((2, 3, 4))
    assert areas.max() <= 2 * 28**2
    assert areas.min() >= 28**2  # where one hides the other
    assert torch.equal(MovingMNIST().examples("test").values, test)
    with pytest.raises(BadRecipe, match="size"):
        MovingMNIST(size=30).examples("test")


@pytest.fixture
def recordings(here: Path) -> Path:
    """A GIF of 23 frames, and a folder with 12 pictures."""
    x = Clips((3, 20, 20), 23, 3).toy(1)[0]
    (here / "mine" / "walk").mkdir(parents=True)
    save_gif(x.float() / 127.5 - 1, 3, 1, here / "mine" / "a.gif")
    for i in range(12):
        Image.new("RGB", (24, 20), (20 * i, 0, 0)).save(here / "mine" / "walk" / f"{i:02}.png")
    return here / "mine"


def test_own_recordings_become_clips(recordings: Path) -> None:
    data = ClipFolder(str(recordings), size=16, given=3, predicted=2)
    test, train = data.examples("test").values, data.examples("train").values
    assert test.shape == (4, 5, 3, 16, 16)  # the file
    assert train.shape == (2, 5, 3, 16, 16)  # the folder
    assert [int(frame[0].float().mean()) for frame in train[1]] == [100, 120, 140, 160, 180]
    gray = ClipFolder(str(recordings), size=16, given=3, predicted=2, channels=1)
    assert gray.examples("train").values.shape[2] == 1
    (recordings / "a.gif").unlink()
    alone = ClipFolder(str(recordings), size=16, given=3, predicted=2)
    assert len(alone.examples("train").values) == 1
    with pytest.raises(BadRecipe, match="20 frames"):
        ClipFolder(str(recordings)).examples("train")
    (recordings / "b.gif").write_bytes(b"GIF89a")
    with pytest.raises(BadRecipe, match=r"b\.gif"):
        ClipFolder(str(recordings)).examples("train")
    with pytest.raises(BadRecipe, match="--data"):
        ClipFolder().examples("train")
    with pytest.raises(BadRecipe, match="channels"):
        ClipFolder(channels=2)


def test_a_folder_without_pictures_has_no_clips(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="pictures"):
        ClipFolder(str(tmp_path)).examples("train")
    assert cut(torch.zeros(7, 2), 3).shape == (2, 3, 2)
    assert not len(cut(torch.zeros(2, 2), 3))


def test_own_clips_are_trained_measured_and_continued(recordings: Path) -> None:
    data = ["--data", "mine", "--data.init_args.size", "16", "--data.init_args.given", "3"]
    data += ["--data.init_args.predicted", "2", "--model.init_args.predicted", "2"]
    model = ["--model.init_args.given", "3", "--model.init_args.width", "2"]
    main(["fit", "conv-lstm-moving-mnist", "--name", "walk", *data, *model, *SMALL])
    terms = ["--license", "CC0-1.0", "--terms", "my own clips"]
    main(["export", "runs/walk", "walk", "--protocol", "quick", *terms])
    path = recordings.parent / "exports" / "walk.safetensors"
    metrics = {record["metric"]: record for record in zoo.card(path).metrics}
    assert {"frame-mse", "frame-ssim", "frame-psnr"} <= metrics.keys()
    assert metrics["frame-mse"]["copied"] > 0
    main(["verify", str(path)])
    main(["predict", str(path), "mine/a.gif", "--frames", "4", "--to", "next.gif"])
    with Image.open("next.gif") as image:
        assert image.n_frames == 3 + 4
    main(["predict", str(path), "mine/walk", "--to", "next.png"])
    assert "ConvLSTM" in fails("predict", "vae-digits", "mine/walk")
    assert ".gif" in fails("predict", str(path), "mine/walk", "--to", "next.mp4")
    assert "missing" in fails("predict", str(path), "missing.gif")


def test_a_perfect_prediction_has_no_error() -> None:
    from zoo.evaluation.clips import frame_errors, summed_square

    modality = Clips(SHAPE, 5, 3)
    x = modality.toy(4)[0]
    assert not frame_errors(summed_square, x, x, modality).any()
    white, black = torch.full((2, 1, *SHAPE), 255, dtype=torch.uint8), torch.zeros(2, 1, *SHAPE)
    found = frame_errors(summed_square, white, black.to(torch.uint8), modality)
    assert found.tolist() == [[256.0], [256.0]]


def test_weights_are_reproducible() -> None:
    assert_same(toy().state_dict(), toy().state_dict())
