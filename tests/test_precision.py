"""Every recipe trains in every precision; training stops on NaN and exploding gradients."""

import warnings
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.plugins import MixedPrecision
from test_every_recipe import toy, toy_data
from torch import nn
from toys import fit, last

from zoo.callbacks import DivergenceGuard
from zoo.core.module import ZooModule
from zoo.core.protocols import SupportsSampling
from zoo.errors import BadRecipe, Diverged
from zoo.gans.wgan_gp import WGANGP
from zoo.pretrained import catalog
from zoo.training import precision

PRECISIONS = ["32-true", "bf16-mixed", "16-mixed"]
SCALE = 64.0  # of float16 losses, as two steps are too few to adapt it


def train(
    model: ZooModule, name: str, precision: str, *callbacks: Callback, steps: int = 2
) -> Trainer:
    """Train with DivergenceGuard; 16-mixed uses float16 on the CPU, where Lightning does not."""
    float16 = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=SCALE))
    settings: dict[str, Any] = (
        {"plugins": float16} if precision == "16-mixed" else {"precision": precision}
    )
    trainer = Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        callbacks=[DivergenceGuard(), *callbacks],
        **settings,
    )
    trainer.fit(model, datamodule=toy_data(name))
    return trainer


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", catalog.list_recipes())
def test_recipes_train_in_each_precision(name: str, precision: str) -> None:
    """Weights and moments are float32, each player is updated, samples are float32."""
    torch.manual_seed(1)  # of some seeds, a network of width 2 has no gradient
    model = toy(name)
    if precision == "16-mixed" and any(isinstance(m, nn.RNNBase) for m in model.modules()):
        pytest.skip("torch has no recurrent networks in float16 on a CPU")
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    trainer = train(model, name, precision)
    assert trainer.global_step == 2
    for optimizer in trainer.optimizers:
        for group in optimizer.param_groups:
            assert {p.dtype for p in group["params"]} == {torch.float32}
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        moved = [k for k, p in model.named_parameters() if id(p) in own]
        after = dict(model.named_parameters())  # some networks are built for their data
        assert any(k not in before or not after[k].equal(before[k]) for k in moved)
        moments = [m for state in optimizer.state.values() for m in state.values()]
        assert all(m.dtype == torch.float32 for m in moments if isinstance(m, torch.Tensor))
    assert all(p.isfinite().all() for p in model.parameters())
    if isinstance(model, SupportsSampling):
        modality = model.modality  # images and sounds are float32, tokens int64, rows float64
        expected = modality.normalize(modality.toy(3)[0]).dtype
        assert model.sample(3, seed=0).dtype == expected


def test_auto_is_the_native_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other precisions are unchanged, with a warning for emulated ones."""
    for native, chosen in (True, "bf16-mixed"), (False, "32-true"), (None, "32-true"):
        monkeypatch.setattr(precision, "native_bfloat16", lambda native=native: native)
        assert precision.resolve_precision("auto", "cpu") == chosen
        assert precision.resolve_precision("bf16-mixed", "cpu") == "bf16-mixed"
        assert precision.resolve_precision("auto", "mps") == "32-true"
        warns = pytest.warns(UserWarning, match="bf16-mixed") if native is False else nullcontext()
        with warns, warnings.catch_warnings():
            warnings.simplefilter("always" if native is False else "error")
            precision.check_precision("bf16-mixed", "cpu")
            precision.check_precision("32-true", "cpu")
    with pytest.raises(BadRecipe, match="16-true"):
        precision.check_precision("16-true", "cpu")


@pytest.mark.parametrize(
    ("variable", "limit"),
    [("ONEDNN_MAX_CPU_ISA", "AVX2"), ("DNNL_MAX_CPU_ISA", "AVX512_CORE_VNNI")],
)
def test_limits_of_instruction_sets_apply(
    monkeypatch: pytest.MonkeyPatch, variable: str, limit: str
) -> None:
    monkeypatch.setenv(variable, limit)
    assert not precision.native_bfloat16()


def test_a_resumed_run_keeps_its_precision(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The saved recipe has the precision to which `auto` was resolved."""
    run = Path("runs") / "wae-fashion-mnist-smoke-test"
    monkeypatch.setattr(precision, "native_bfloat16", lambda: False)
    first = fit("wae-fashion-mnist")["callbacks"]["RunMetadata"]["precision"]
    monkeypatch.setattr(precision, "native_bfloat16", lambda: True)
    more = fit("wae-fashion-mnist", "--ckpt_path", "last", "--trainer.max_epochs", "3")
    settings = yaml.safe_load((run / "recipe.yaml").read_text())["trainer"]
    assert (
        first == more["callbacks"]["RunMetadata"]["precision"] == settings["precision"] == "32-true"
    )


def test_players_share_a_scaler(tmp_path: Path) -> None:
    """Checkpoints contain its state."""
    trainer = train(toy("dcgan-digits"), "dcgan-digits", "16-mixed")
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    state = torch.load(tmp_path / "one.ckpt", weights_only=True)["MixedPrecision"]
    assert state["scale"] == SCALE
    assert state["_growth_tracker"] == 2 * 2  # updated by each player in each step


def test_gradient_penalties_are_computed_in_float32() -> None:
    """The penalty under autocast is close to that without."""
    from zoo.losses.penalties import gradient_penalty

    torch.manual_seed(0)
    critic = WGANGP(size=8, channels=1, width=8).critic
    real, fake = torch.randn(2, 8, 1, 8, 8)
    with torch.random.fork_rng():
        exact = gradient_penalty(critic, real, fake)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = gradient_penalty(critic, real, fake.bfloat16().float())
    assert again.dtype == torch.float32
    torch.testing.assert_close(again, exact, rtol=0.05, atol=0)


class SetNaN(Callback):
    """Sets weights of the discriminator to NaN after some steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: object, index: int
    ) -> None:
        if trainer.global_step == self.step:
            module.discriminator[0].weight.data[0] = torch.nan


def test_divergence_names_the_player_and_the_step() -> None:
    with pytest.raises(Diverged, match=r"step 1.*discriminator.*nan"):
        train(toy("dcgan-digits"), "dcgan-digits", "32-true", SetNaN(1), steps=3)


@pytest.mark.parametrize("name", catalog.list_recipes())
def test_a_huge_learning_rate_raises_diverged_or_nothing(name: str) -> None:
    """No other error comes first, for example of a distribution with NaN parameters."""
    model = toy(name)
    for key, value in model.hparams.items():
        if key.endswith("lr"):  # a rate, or the first and the last one
            model.hparams[key] = [1e30] * len(value) if isinstance(value, list | tuple) else 1e30
    with suppress(Diverged):
        train(model, name, "32-true", steps=4)


def test_a_scaler_may_overflow_a_limited_number_of_times() -> None:
    """Too large an initial scale skips steps; NaN gradients overflow at every scale."""
    model = toy("vae-digits")
    float16 = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=2.0**30))
    trainer = Trainer(
        max_steps=20, accelerator="cpu", logger=False, enable_checkpointing=False, plugins=float16,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[DivergenceGuard()],
    )  # fmt: skip
    trainer.fit(model, datamodule=toy_data("vae-digits"))
    assert float16.scaler.get_scale() < 2.0**30
    with pytest.raises(Diverged, match="discriminator"):
        train(toy("dcgan-digits"), "dcgan-digits", "16-mixed", SetNaN(1), steps=40)


def test_the_last_checkpoint_before_divergence_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the checkpoint, whose weights are finite."""
    monkeypatch.chdir(tmp_path)
    callback = ["--trainer.callbacks+", "test_precision.SetNaN", "--trainer.callbacks.step", "4"]
    with pytest.raises(SystemExit, match=r"step 4.*discriminator.*last\.ckpt"):
        fit("dcgan-digits", *callback)
    state = last("dcgan-digits")
    assert state["global_step"] == 3
    assert all(v.isfinite().all() for v in state["current_model_state"].values())
    assert "Diverged" in (tmp_path / "runs" / "dcgan-digits-smoke-test" / "log.txt").read_text()


def test_a_gradient_norm_above_the_limit() -> None:
    guard = DivergenceGuard(limit=1e-9)
    model = toy("vae-digits")
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[guard],
    )  # fmt: skip
    with pytest.raises(Diverged, match=r"step 0.*model"):
        trainer.fit(model, datamodule=toy_data("vae-digits"))
