"""Tests of every recipe and every card."""

from pathlib import Path

import pytest
import torch
import yaml
from lightning import Trainer

import zoo
from zoo.core.arguments import SmokeTestValue, marked
from zoo.core.modality import Audio, Images, Music, Text
from zoo.core.module import ZooModule
from zoo.core.protocols import SupportsSampling
from zoo.data.module import ZooDataModule
from zoo.evaluation.training_data import data_of
from zoo.pretrained import catalog
from zoo.pretrained.trust import find_class
from zoo.pretrained.weights import load, save
from zoo.publishing.export import UNREVIEWED
from zoo.publishing.verify import verify

RECIPES = catalog.list_recipes()
NAMES = catalog.list_models()


def toy(name: str) -> ZooModule:
    """The model of a recipe at the size of a smoke test."""
    settings = yaml.safe_load(catalog.recipe_path(name).read_text())["model"]
    kind = find_class(Path(name), settings["class_path"])
    narrow = {name: size.value for name, size in marked(kind, SmokeTestValue).items()}
    return kind(**settings.get("init_args", {}) | narrow)


def toy_data(name: str, batch: int = 20) -> ZooDataModule:
    """Four batches of random examples of a recipe's data, without its files."""
    data = data_of(name)
    data.offline, data.batch_size = True, batch
    data.splits = dict.fromkeys(("train", "test"), data.toy(4 * batch))
    data.limit_to(4 * batch, "missing")
    return data


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_train_sample_and_save(name: str, tmp_path: Path) -> None:
    """Two steps; samples are in range; a saved and loaded model has the same samples."""
    model = toy(name)
    trainer = Trainer(
        max_steps=2,
        logger=False,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        limit_val_batches=0,
    )
    before = {key: value.clone() for key, value in model.state_dict().items()}
    data = toy_data(name)
    trainer.fit(model, datamodule=data)
    assert trainer.global_step == 2
    assert model.images_seen == 40
    after = model.state_dict()  # some networks are built for their data
    assert any(key not in before or not torch.equal(before[key], after[key]) for key in after)
    path = tmp_path / f"{name}.safetensors"
    save(model, path)
    again = load(path)
    assert not again.training
    if isinstance(model, SupportsSampling):
        samples, modality = model.sample(5, seed=3), data.modality
        if not isinstance(modality, Music | Text):  # which are of any length
            assert samples.shape == modality.normalize(data.toy(5).values).shape
        if isinstance(modality, Images | Audio):
            assert samples.abs().max() <= 1
        assert torch.allclose(again.sample(5, seed=3), samples, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_valid_for_zoo_fit(name: str) -> None:
    """LightningCLI parses them, and rejects a misspelled argument."""
    from zoo.cli import main

    with pytest.raises(SystemExit) as stop:
        main(["fit", name, "--print_config"])
    assert stop.value.code == 0
    with pytest.raises(SystemExit, match="widht"):
        main(["fit", name, "--model.widht", "3"])


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_state_the_expected_result(name: str) -> None:
    """The first line states the time, the hardware and the headline metric."""
    first = catalog.recipe_path(name).read_text().splitlines()[0]
    assert first.startswith(f"# {name}: ")
    assert "minutes" in first
    assert "CPU" in first or "GPU" in first
    if name in NAMES:
        headline = zoo.card(name).metrics[0]
        assert f"{headline['metric']} {headline['value']:.4g}" in first


@pytest.mark.parametrize("name", NAMES)
def test_weights_match_their_cards(name: str) -> None:
    """Digest, strict load and preview from seed 0; a recipe; a reviewed description."""
    assert len(verify(name)) == 3
    card = zoo.card(name)
    assert name in RECIPES
    assert UNREVIEWED not in card.prose
    assert card.facts["data"]["terms"]
    assert card.facts["paper"]["value"]


@pytest.mark.parametrize("name", NAMES)
def test_weights_have_the_arguments_of_their_recipes(name: str) -> None:
    arguments = yaml.safe_load(catalog.recipe_path(name).read_text())["model"].get("init_args", {})
    model = zoo.load(name)
    assert {argument: model.hparams[argument] for argument in arguments} == arguments


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_small(name: str) -> None:
    assert catalog.weights_path(name).stat().st_size <= 15e6
