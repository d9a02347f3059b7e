"""Models that were converted, copied or pickled do what they did."""

import copy
import pickle

import pytest
import torch
from lightning import Trainer
from test_every_recipe import batches, toy
from torch import nn
from torch.utils.data import DataLoader

import zoo
from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.gans.sngan import SNGAN
from zoo.layers.quantize import Quantizer
from zoo.layers.recurrent import LSTM
from zoo.pretrained import catalog

FAMILIES = {type(zoo.load(name)): name for name in zoo.list_models()}  # one model of each
FORMATS = [torch.float16, torch.bfloat16, torch.float64]
VERBS = ("encode", "reconstruct", "bound", "features", "classify", "codes", "sort", "activity")


@pytest.fixture(scope="module", params=FAMILIES.values())
def model(request: pytest.FixtureRequest) -> ZooModule:
    return zoo.load(request.param)


@torch.no_grad()
def results(model: ZooModule) -> dict[str, torch.Tensor]:
    """What a model draws, and does with images."""
    x = torch.linspace(-1, 1, 2).view(-1, 1, 1, 1).expand(-1, *model.modality.shapes[-1])
    found = {"sample": model.sample(2, seed=0)} if hasattr(model, "sample") else {}
    for verb in VERBS:
        if hasattr(model, verb):
            value = getattr(model, verb)(x)
            found[verb] = torch.stack(value) if isinstance(value, tuple) else value
    return found


def test_a_converted_model_does_the_same(model: ZooModule) -> None:
    """In float64 to rounding; in half precision finite, in float32."""
    exact = results(model)
    for dtype in FORMATS:
        for verb, value in results(copy.deepcopy(model).to(dtype)).items():
            assert value.isfinite().all(), (dtype, verb)
            assert value.dtype not in (torch.float16, torch.bfloat16), (dtype, verb)
            if dtype == torch.float64 and verb != "bound":  # which draws at random
                torch.testing.assert_close(
                    value.to(exact[verb].dtype), exact[verb], atol=1e-3, rtol=1e-3
                )


def test_a_pickled_model_does_the_same(model: ZooModule) -> None:
    again = pickle.loads(pickle.dumps(model))
    assert not again.training
    state = model.state_dict()
    assert list(again.state_dict()) == list(state)
    assert all(value.equal(state[key]) for key, value in again.state_dict().items())
    if hasattr(model, "sample"):
        torch.testing.assert_close(
            again.sample(2, seed=0), model.sample(2, seed=0), atol=1e-4, rtol=0
        )


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
@pytest.mark.parametrize("name", sorted(FAMILIES.values()))
def test_trains_in_true_precision(name: str, precision: str) -> None:
    model = toy(name)
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, precision=precision,  # type: ignore[arg-type]
    )  # fmt: skip
    images = DataLoader(batches(name).dataset, batch_size=20)
    trainer.fit(model, images)
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_images_come_in_the_precision_of_the_model(precision: str) -> None:
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, precision=precision,  # type: ignore[arg-type]
    )  # fmt: skip
    trainer.fit(toy("dcgan-digits"), Digits(batch_size=20))
    assert trainer.global_step == 1


def test_spectral_norm_trains_on_after_a_pickle() -> None:
    model = pickle.loads(pickle.dumps(SNGAN(size=8, channels=1, width=8, discriminator_width=8)))
    before = copy.deepcopy(model).state_dict()
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, Digits(batch_size=20))
    moved = [key for key, value in model.state_dict().items() if not value.equal(before[key])]
    assert any(key.endswith("original") for key in moved)
    assert any(key.endswith("_u") for key in moved)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("how", ["autocast", "true"])
@pytest.mark.parametrize("layers", [{}, {"num_layers": 2, "bidirectional": True, "proj_size": 3}])
def test_lstm_in_half_precision(dtype: torch.dtype, how: str, layers: dict[str, int]) -> None:
    torch.manual_seed(0)
    lstm, x = LSTM(4, 8, batch_first=True, **layers), torch.randn(5, 6, 4)
    exact, (h, c) = nn.LSTM.forward(lstm, x)
    if how == "true":
        lstm, x = lstm.to(dtype), x.to(dtype)
    with torch.autocast("cpu", dtype=dtype, enabled=how == "autocast"):
        found, state = lstm(x)
        again, _ = lstm(x, state)
    for one, other in ((found, exact), (state[0], h), (state[1], c)):
        assert one.dtype == (dtype if how == "true" else torch.float32)
        torch.testing.assert_close(one.float(), other, atol=0.02, rtol=0.05)
    again.float().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in lstm.parameters())


def test_codebooks_stay_in_float32() -> None:
    assert {b.dtype for b in Quantizer(4, 2).to(torch.bfloat16).buffers()} == {torch.float32}
    assert {b.dtype for b in Quantizer(4, 2).double().buffers()} == {torch.float64}


def test_every_family_is_here() -> None:
    assert {type(toy(name)) for name in catalog.list_recipes()} <= set(FAMILIES)
