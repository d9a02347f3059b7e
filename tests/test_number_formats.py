"""Models in other number formats, copied and pickled models have the same results."""

import copy
import pickle

import pytest
import torch
from lightning import Trainer
from test_every_recipe import toy, toy_data
from torch import nn

import zoo
from zoo.core.modality import Images
from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.gans.sngan import SNGAN
from zoo.layers.quantize import Quantizer
from zoo.layers.recurrent import LSTM
from zoo.metrics import annealing
from zoo.metrics.annealing import betas
from zoo.pretrained import catalog

# a name for each class, one with weights where there is one
CLASSES = {type(toy(name)): name for name in catalog.list_recipes()}
CLASSES |= {type(zoo.load(name)): name for name in zoo.list_models()}
FORMATS = [torch.float16, torch.bfloat16, torch.float64]
METHODS = (
    "encode",
    "reconstruct",
    "elbo_terms",
    "features",
    "classify",
    "encode_indices",
    "predict_category",
    "activity",
)


@pytest.fixture(scope="module", params=CLASSES.values())
def model(request: pytest.FixtureRequest) -> ZooModule:
    name = request.param
    return zoo.load(name) if name in zoo.list_models() else trained(name)


def trained(name: str) -> ZooModule:
    """The model of a recipe after one step at toy size; some networks are built for their data."""
    model = toy(name)
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        limit_val_batches=0, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, datamodule=toy_data(name))
    return model.eval()


@pytest.fixture(autouse=True)
def few_temperatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annealing of 20 steps in place of 14,500, which take minutes for 2,000 units."""
    monkeypatch.setattr(annealing, "betas", lambda: betas(((0.0, 20),)))


@torch.no_grad()
def results(model: ZooModule) -> dict[str, torch.Tensor]:
    """Samples of a model, and its results for images."""
    if not isinstance(model.modality, Images):
        return {"sample": model.sample(2, seed=0)} if hasattr(model, "sample") else {}
    x = torch.linspace(-1, 1, 2).view(-1, 1, 1, 1).expand(-1, *model.modality.shapes[-1])
    outputs = {"sample": model.sample(2, seed=0)} if hasattr(model, "sample") else {}
    for name in METHODS:
        if hasattr(model, name):
            value = getattr(model, name)(x)
            outputs[name] = torch.stack(value) if isinstance(value, tuple) else value
    return outputs


def test_converted_models_have_the_same_results(model: ZooModule) -> None:
    """Up to rounding in float64; finite and float32 for half precision."""
    exact = results(model)
    for dtype in FORMATS:
        for name, value in results(copy.deepcopy(model).to(dtype)).items():
            assert value.isfinite().all(), (dtype, name)
            assert value.dtype not in (torch.float16, torch.bfloat16), (dtype, name)
            if dtype == torch.float64 and name != "elbo_terms":  # which are random
                torch.testing.assert_close(
                    value.to(exact[name].dtype), exact[name], atol=1e-3, rtol=1e-3
                )


def test_pickled_models_have_the_same_results(model: ZooModule) -> None:
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
@pytest.mark.parametrize("name", sorted(CLASSES.values()))
def test_models_train_in_true_precision(name: str, precision: str) -> None:
    model = toy(name)
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        limit_val_batches=0, enable_progress_bar=False, enable_model_summary=False,
        precision=precision,  # type: ignore[arg-type]
    )  # fmt: skip
    trainer.fit(model, datamodule=toy_data(name))
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_batches_have_the_precision_of_the_model(precision: str) -> None:
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, precision=precision,  # type: ignore[arg-type]
    )  # fmt: skip
    trainer.fit(toy("dcgan-digits"), Digits(batch_size=20))
    assert trainer.global_step == 1


def test_spectral_norm_trains_after_pickling() -> None:
    model = pickle.loads(pickle.dumps(SNGAN(size=8, channels=1, width=8, discriminator_width=8)))
    before = copy.deepcopy(model).state_dict()
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, Digits(batch_size=20))
    changed = [key for key, value in model.state_dict().items() if not value.equal(before[key])]
    assert any(key.endswith("original") for key in changed)
    assert any(key.endswith("_u") for key in changed)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mode", ["autocast", "true"])
@pytest.mark.parametrize("layers", [{}, {"num_layers": 2, "bidirectional": True, "proj_size": 3}])
def test_lstm_in_half_precision(dtype: torch.dtype, mode: str, layers: dict[str, int]) -> None:
    torch.manual_seed(0)
    lstm, x = LSTM(4, 8, batch_first=True, **layers), torch.randn(5, 6, 4)
    exact, (h, c) = nn.LSTM.forward(lstm, x)
    if mode == "true":
        lstm, x = lstm.to(dtype), x.to(dtype)
    with torch.autocast("cpu", dtype=dtype, enabled=mode == "autocast"):
        output, state = lstm(x)
        again, _ = lstm(x, state)
    for one, other in ((output, exact), (state[0], h), (state[1], c)):
        assert one.dtype == (dtype if mode == "true" else torch.float32)
        torch.testing.assert_close(one.float(), other, atol=0.02, rtol=0.05)
    again.float().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in lstm.parameters())


def test_codebooks_remain_at_least_float32() -> None:
    assert {b.dtype for b in Quantizer(4, 2).to(torch.bfloat16).buffers()} == {torch.float32}
    assert {b.dtype for b in Quantizer(4, 2).double().buffers()} == {torch.float64}
