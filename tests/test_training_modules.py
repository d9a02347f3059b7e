"""A training starts from published weights, those of the training modules included."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_server import TOKEN, File, Hub
from lightning import Trainer
from safetensors.torch import load_file

import zoo
from zoo.cli import main
from zoo.data import Digits
from zoo.errors import BadWeights
from zoo.gans.dcgan import DCGAN
from zoo.pretrained.checkpoints import model_from_checkpoint, read_checkpoint
from zoo.pretrained.training_modules import init_from_pretrained, save_training_modules
from zoo.pretrained.weights import save, training_state_dict
from zoo.publishing.export import UNREVIEWED
from zoo.vaes.vae import VAE

ARGUMENTS = {"size": 8, "channels": 1, "latent": 4, "width": 8}
SIZES = {"size": 8, "channels": 1, "latent": 32, "width": 64}  # of dcgan-digits


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_two_files_hold_the_whole_model(tmp_path: Path) -> None:
    old, new = DCGAN(**ARGUMENTS), DCGAN(**ARGUMENTS)
    save(old, tmp_path / "model.safetensors")
    save_training_modules(old, tmp_path / "discriminator.safetensors")
    assert {n.split(".")[0] for n in load_file(tmp_path / "discriminator.safetensors")} == {
        "discriminator"
    }
    assert not same(old.state_dict(), new.state_dict())
    origin, anew = init_from_pretrained(
        new, str(tmp_path / "model.safetensors")
    )  # a copy of a repository
    assert same(old.state_dict(), new.state_dict())
    assert (origin, anew) == (str(tmp_path / "model.safetensors"), [])


def test_a_model_without_training_modules_writes_no_file(tmp_path: Path) -> None:
    assert training_state_dict(VAE(**ARGUMENTS)) == {}
    save_training_modules(VAE(**ARGUMENTS), tmp_path / "discriminator.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_name_leaves_the_discriminator_random() -> None:
    model = DCGAN(**SIZES)
    before = training_state_dict(model)
    before = {name: tensor.clone() for name, tensor in before.items()}
    assert init_from_pretrained(model, "dcgan-digits") == ("dcgan-digits", ["discriminator"])
    assert same(training_state_dict(model), before)
    assert torch.allclose(model.sample(2, 0), zoo.load("dcgan-digits").sample(2, 0), atol=1e-5)


@pytest.mark.parametrize("origin", ["vae-digits", "model.safetensors", "discriminator.safetensors"])
def test_other_tensors_are_refused(
    origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wide = DCGAN(**ARGUMENTS | {"width": 16})
    save(wide, tmp_path / "model.safetensors")
    save_training_modules(wide, tmp_path / "discriminator.safetensors")
    model = DCGAN(**ARGUMENTS)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(BadWeights, match=rf"{origin}.*generator"):
        init_from_pretrained(model, origin)
    assert same(model.state_dict(), before)


def test_a_loaded_gan_says_why_it_cannot_be_trained() -> None:
    trainer = Trainer(max_steps=1, logger=False, enable_checkpointing=False)
    with pytest.raises(BadWeights, match=r"discriminator.*`zoo fit NAME --init_from`"):
        trainer.fit(zoo.load("dcgan-digits"), Digits())


def test_training_modules_of_a_repository_are_verified(
    hub: Hub, offer: Callable[..., str], tmp_path: Path
) -> None:
    name = "someone/dcgan-toy"
    offer(name, DCGAN(**ARGUMENTS), discriminator_sha256="0" * 64)
    files = hub.repositories[name].commits[hub.repositories[name].branches["main"]]
    save_training_modules(DCGAN(**ARGUMENTS), tmp_path / "discriminator.safetensors")
    true = (tmp_path / "discriminator.safetensors").read_bytes()
    for content, words in (
        (bytes(files["model.safetensors"]), "lacks discriminator"),  # by the header alone
        (b"\x55" * 2**20, "not safetensors"),
        (true, "0{64}"),
    ):
        hub.requests.clear()
        hub.repositories[name].commit(files | {"discriminator.safetensors": File(content)})
        with pytest.raises(BadWeights, match=rf"discriminator.safetensors.*{words}"):
            init_from_pretrained(DCGAN(**ARGUMENTS), name)
        assert len(hub.requests_matching("GET /cdn.*discriminator")) == 1 + (content == true)


def test_fit_publish_fit_from(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From a checkpoint to the Hub and back into a training, by the command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    quick = ["--trainer.max_epochs=1", "--trainer.enable_progress_bar", "false"]
    name, checkpoint = "someone/my-digits", "runs/dcgan-digits/last.ckpt"
    main(["fit", "dcgan-digits", "--init_from", "dcgan-digits", *quick])
    main(["publish", "runs/dcgan-digits", name])
    card = zoo.card(name)
    assert card.facts["recipe"] == "dcgan-digits/recipe.yaml"
    assert UNREVIEWED in card.prose

    hub.requests.clear()
    trained = model_from_checkpoint(Path(checkpoint), read_checkpoint(Path(checkpoint)))
    assert torch.allclose(zoo.load(name).sample(4, 0), trained.sample(4, 0), atol=1e-5)
    assert not hub.requests_matching("discriminator.safetensors")  # sampling needs none

    model = DCGAN(**SIZES)
    assert init_from_pretrained(model, name) == (card.facts["hub"], [])
    assert same(model.state_dict(), trained.state_dict())
    again = DCGAN(**SIZES)
    assert (
        init_from_pretrained(again, checkpoint)
        == init_from_pretrained(again, "runs/dcgan-digits")
        == (checkpoint, [])
    )
    assert same(again.state_dict(), trained.state_dict())

    capsys.readouterr()
    main(["fit", "dcgan-digits", "--init_from", name, "--trainer.max_steps=2", *quick[1:]])
    assert f"initialized from {card.facts['hub']}\n" in capsys.readouterr().out
    state = read_checkpoint(Path("runs/dcgan-digits.2/last.ckpt"))
    assert state["callbacks"]["RunMetadata"]["init_from"] == card.facts["hub"]
    main(["fit", "dcgan-digits", "--ckpt_path", "last", "--trainer.max_steps=4", *quick[1:]])
    assert "initialized from" not in capsys.readouterr().out
    state = read_checkpoint(Path("runs/dcgan-digits.2/last.ckpt"))
    assert state["callbacks"]["RunMetadata"]["init_from"] == card.facts["hub"]
