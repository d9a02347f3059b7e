"""Samples as arrays."""

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.cli import main


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize("more", [[], ["--truncation", "1"]])
def test_many_samples_are_written_as_an_array(ending: str, more: list[str], here: Path) -> None:
    main(["sample", "vae-digits", "-n", "300", "--to", f"s.{ending}", *more])
    loaded = np.load(here / f"s.{ending}")
    images = loaded if ending == "npy" else loaded["arr_0"]
    assert (images.shape, images.dtype) == ((300, 8, 8, 1), np.uint8)
    if not more:
        whole = ((zoo.load("vae-digits").sample(300, seed=0) + 1) * 127.5).round()
        assert np.abs(images[..., 0] - whole[:, 0].numpy()).max() <= 1


def test_too_many_samples_for_a_png_raise(here: Path) -> None:
    with pytest.raises(SystemExit, match=r"n must be <= 10000 .*, got 300000.* samples.npy"):
        main(["sample", "vae-digits", "-n", "300000"])
    assert list(here.iterdir()) == []
