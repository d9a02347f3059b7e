"""Evaluation on few pictures."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import zoo
from zoo.cli import main
from zoo.gans.dcgan import DCGAN
from zoo.vaes.vae import VAE


@pytest.mark.parametrize("count", [2, 5, 30])
@pytest.mark.parametrize("family", [DCGAN, VAE])
def test_metrics_of_few_pictures_are_measured_or_skipped_by_name(
    count: int, family: type[DCGAN | VAE], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "own").mkdir()
    for i in range(count):
        levels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(levels).save(here / f"own/{i}.png")
    zoo.save(family(size=8, width=4, latent=4), here / "m.safetensors")
    data = {"class_path": "zoo.data.ImageFolder", "init_args": {"root": "own", "size": 8}}
    (here / "r.yaml").write_text(yaml.safe_dump({"data": data}))
    words = ["--recipe", "r.yaml", "--protocol", "quick", "--extractor", "pixels", "--json"]
    main(["evaluate", "m.safetensors", *words, "--importance-samples", "4"])
    out, err = capsys.readouterr()
    found = [record["metric"] for record in json.loads(out)["metrics"]]
    assert all(math.isfinite(record["value"]) for record in json.loads(out)["metrics"])
    assert ("fd-pixels" in found) != ("fd-pixels is left out" in err)
    assert count > 5 or "density-pixels is left out" in err
