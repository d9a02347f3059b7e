"""Sentence VAE: its step is a plain loop; lines end where they end; own lines of text."""

from pathlib import Path

import pytest
import torch
from loops import Batch, assert_same, descend, fit, one_thread
from torch import Tensor
from torch.optim import Adam
from toys import QUIET

import zoo
from zoo.cli import main
from zoo.data import ShakespeareLines, TextLines
from zoo.errors import BadInput, BadRecipe
from zoo.vaes import SentenceVAE

__all__ = ["one_thread"]  # for every test of this file too
VOCABULARY, LENGTH = "\nabc", 6
SMALL = ["--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1", *QUIET]


def toy(dropout: float = 0.3, warm_up: float = 0.5) -> SentenceVAE:
    torch.manual_seed(0)
    return SentenceVAE(VOCABULARY, LENGTH, 3, width=8, word_dropout=dropout, warm_up=warm_up)


def lines() -> Tensor:
    """Lines of one to six characters, filled with ends."""
    own = torch.Generator().manual_seed(0)
    x = torch.randint(1, 4, (16, LENGTH), generator=own)
    sizes = torch.randint(1, LENGTH + 1, (16, 1), generator=own)
    return x.masked_fill(torch.arange(LENGTH) >= sizes, 0)


def batches() -> list[Batch]:
    return [(part, torch.empty(4, 0)) for part in lines().split(4)]


def bowman_2016(model: SentenceVAE) -> None:
    """Line by line and character by character; the weight of KL rises from 0 to 1 in two of four
    steps; three of ten characters are not seen."""
    optimizer = Adam(model.parameters(), fused=True)
    model.train()
    for step, (x, _) in enumerate(batches()):
        _, (h, _) = model.reader(model.embed(x))
        mean, log_variance = model.to_posterior(h[-1]).chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        seen = torch.cat([torch.full((4, 1), 4), x[:, :-1]], 1)
        seen[torch.rand(4, LENGTH) < 0.3] = 4
        state = [part[None].contiguous() for part in model.to_state(z).tanh().chunk(2, 1)]
        total = torch.zeros(())
        for t in range(LENGTH):
            inputs = torch.cat([model.embed(seen[:, t : t + 1]), z[:, None]], 2)
            features, state = model.writer(inputs, tuple(state))
            log_p = model.head(features)[:, 0].log_softmax(1)
            for i in range(4):
                if t == 0 or (x[i, :t] > 0).all():
                    total = total - log_p[i, x[i, t]]
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        descend(optimizer, total / 4 + min(1.0, step / 2) * kl)


def test_step_is_the_algorithm() -> None:
    model, plain = toy(), toy()
    fit(model, batches=batches())
    torch.manual_seed(1)
    bowman_2016(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-5), name


def test_what_stands_behind_the_end_does_not_count() -> None:
    model = toy().eval()
    x, z = torch.tensor([[1, 2, 0, 0, 0, 0]]), torch.zeros(1, 3)
    other = torch.tensor([[1, 2, 0, 3, 1, 2]])
    assert torch.equal(model.log_likelihood(x, z), model.log_likelihood(other, z))
    assert model.modality.in_line(x).tolist() == [[True, True, True, False, False, False]]
    assert model.modality.in_line(torch.ones(1, 3)).all()


def test_all_lines_have_probability_one_together() -> None:
    """Of all lines of at most two characters, for one latent."""
    torch.manual_seed(0)
    model, z = SentenceVAE("\nab", 2, 3, width=8).eval(), torch.randn(1, 3)
    every = torch.tensor([[0, 0], [1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2]])
    with torch.no_grad():
        total = model.log_likelihood(every, z.expand(7, -1)).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-5)


def test_codes_and_lines() -> None:
    model = toy()
    z = model.encode_text(["ab", "abcabc"])
    assert z.shape == (2, 3)
    assert torch.equal(z, model.encode(torch.tensor([[1, 2, 0, 0, 0, 0], [1, 2, 3, 1, 2, 3]])))
    written = model.decode(z)
    assert written.shape == (2, LENGTH)
    ends = model.modality.in_line(written)
    assert (written[~ends] == 0).all()
    assert_same({"a": model.sample(3, seed=0)}, {"a": model.sample(5, seed=0)[:3]})
    assert model.sample(0).shape == (0, LENGTH)
    with pytest.raises(BadInput, match="7"):
        model.encode_text(["abcabca"])
    with pytest.raises(BadInput, match="x"):
        model.encode_text(["x"])


def test_settings_are_checked() -> None:
    with pytest.raises(BadRecipe, match="end of a line"):
        SentenceVAE("abc")
    with pytest.raises(BadRecipe, match="word_dropout"):
        SentenceVAE(VOCABULARY, word_dropout=1.5)


def test_lines_are_filled_with_ends(here: Path) -> None:
    (here / "poem.txt").write_text("\n".join(["ab ", "", "abcabcabc", *["cab"] * 20]))
    data = TextLines("poem.txt", length=4)
    assert data.modality.vocabulary == VOCABULARY
    test = data.examples("test").values
    assert data.modality.decode(test) == ["ab\n\n", "cab\n", "cab\n"]
    assert len(data.examples("train").values) == 18
    with pytest.raises(BadRecipe, match="lines"):
        TextLines("poem.txt", length=1).examples("train")


def test_lines_of_shakespeare_have_his_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.data import TinyShakespeare

    monkeypatch.setattr(TinyShakespeare, "read_text", lambda self: "To be,\n" * 30)
    monkeypatch.setattr(TinyShakespeare, "prepare_data", lambda self: None)
    data = ShakespeareLines(str(tmp_path))
    assert len(data.modality.vocabulary) == 65
    assert data.modality.decode(data.examples("test").values[:1])[0].rstrip() == "To be,"


def test_own_lines_are_trained_and_interpolated(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "names.txt").write_text("\n".join(["anna", "bert", "carla", "dora"] * 10))
    model = ["--model.init_args.width", "8", "--data.init_args.batch_size", "6"]
    fit_it = ["fit", "sentence-vae-shakespeare", "--name", "names", "--data", "names.txt"]
    main([*fit_it, *model, *SMALL])
    terms = ["--license", "CC0-1.0", "--terms", "my own text"]
    main(["export", "runs/names", "names", "--protocol", "quick", *terms])
    path = here / "exports" / "names.safetensors"
    metrics = {record["metric"]: record for record in zoo.card(path).metrics}
    assert metrics["bits-per-character"]["bound"] == "upper"
    assert metrics["divergence"]["value"] >= 0
    assert metrics["bits-per-character"]["characters"] == 5 + 6 + 5 + 6  # anna and carla, twice
    main(["verify", str(path)])
    capsys.readouterr()
    main(["interpolate", str(path), "--rows", "2", "--steps", "5"])
    text = (here / "interpolation.txt").read_text()
    assert text.count("\n") >= 2 * 5
    assert "interpolations" in capsys.readouterr().out
    main(["sample", str(path), "-n", "3", "--to", "few.txt"])
    assert (here / "few.txt").read_text().count("--- sample") == 3
