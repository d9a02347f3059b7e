"""The character RNN: its training, its likelihood, its samples, and the streams of its data."""

import math
from itertools import product
from pathlib import Path

import pytest
import torch
from loops import fit, one_thread
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR
from toys import QUIET, fails

import zoo
from zoo.cli import main
from zoo.core.modality import Text
from zoo.data import TextFiles, TinyShakespeare
from zoo.errors import BadInput, BadRecipe, MissingData
from zoo.evaluation.records import PROTOCOLS
from zoo.evaluation.texts import baselines, text_rates
from zoo.metrics.ngrams import ngram_nats
from zoo.sequences import CharRNN
from zoo.sequences.char_rnn import WINDOW
from zoo.text import plain

__all__ = ["one_thread"]  # for every test of this file too
LINE = "To be, or not to be: that is the question.\n"


def small(vocabulary: str = "abc", **settings: float) -> CharRNN:
    torch.manual_seed(0)
    model = CharRNN(vocabulary, width=8, **settings)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)  # so that predictions differ
    return model.eval()


def test_step_is_truncated_backpropagation_through_time() -> None:
    """State and last characters pass from one window to the next; an epoch starts anew."""
    x = torch.randint(3, (4, 6, 10))  # windows of 6 streams
    model, other = small(), small()
    fit(model, epochs=2, batches=[(window, torch.empty(6, 0)) for window in x])

    other.train()
    optimizer = Adam(other.parameters(), fused=True)
    schedule = OneCycleLR(optimizer, 2e-3, total_steps=8)
    torch.manual_seed(1)
    for _ in range(2):
        last, state = torch.full((6, 1), 3), None
        for window in x:
            before = torch.cat([last, window[:, :-1]], dim=1)
            features, state = other.lstm(other.embed(before), state)
            logits = other.head(other.dropout(features))
            loss = cross_entropy(logits.flatten(0, 1), window.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            state, last = tuple(part.detach() for part in state), window[:, -1:]
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_probabilities_of_all_texts_sum_to_one() -> None:
    texts = torch.tensor([*product(range(3), repeat=5)])
    assert float(small().log_prob(texts).exp().sum()) == pytest.approx(1, abs=1e-6)


def test_the_likelihood_of_a_long_text_is_that_in_one_pass() -> None:
    model, x = small(), torch.randint(3, (2, 2 * WINDOW + 7))
    logits, _ = model(torch.cat([model.start(2), x[:, :-1]], dim=1))
    nats = cross_entropy(logits.movedim(2, 1), x, reduction="none").sum(1)
    torch.testing.assert_close(model.log_prob(x).float(), -nats)


def test_samples_have_the_distribution_of_the_model() -> None:
    model, n = small(), 20_000
    texts = model.sample(n, seed=0, length=2)
    counts = torch.bincount(3 * texts[:, 0] + texts[:, 1], minlength=9) / n
    chances = model.log_prob(torch.tensor([*product(range(3), repeat=2)])).exp()
    assert (counts - chances).abs().max() < 4 * (0.25 / n) ** 0.5
    assert torch.equal(model.sample(5, seed=0, length=2), texts[:5])


def test_prompt_temperature_and_top_k() -> None:
    """A low temperature and `top_k` of 1 take the most probable character."""
    model = small()
    greedy = model.sample(3, seed=1, prompt="cab", top_k=1, length=9)
    assert torch.equal(greedy, model.sample(3, seed=2, prompt="cab", temperature=1e-6, length=9))
    assert model.modality.decode(greedy)[0].startswith("cab")
    following, _ = model(torch.cat([model.start(1), model.modality.encode("cab")[None]], dim=1))
    assert int(following[0, -1].argmax()) == int(greedy[0, 3])
    assert model.sample(0, seed=0, prompt="a", length=4).shape == (0, 5)


@pytest.mark.parametrize(
    ("settings", "match"),
    [({"prompt": "abX"}, "X"), ({"temperature": 0.0}, "temperature"), ({"top_k": 0}, "top_k"),
     ({"length": 0}, "length"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_invalid_settings_of_samples(settings: dict[str, object], match: str) -> None:
    with pytest.raises(BadInput, match=match):
        small().sample(2, **settings)  # type: ignore[arg-type]


def test_invalid_models_and_texts() -> None:
    for vocabulary in ("", "aba"):
        with pytest.raises(BadInput, match="vocabulary"):
            CharRNN(vocabulary)
    with pytest.raises(BadRecipe, match=r"dropout.*1\.0"):
        CharRNN("ab", dropout=1.0)
    for tokens in (torch.zeros(1, 3), torch.tensor([[0, 3]]), torch.tensor([0])):
        with pytest.raises(BadInput, match="tokens"):
            small().log_prob(tokens)


def test_batches_continue_the_streams_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(chr(0x4E00 + i) for i in range(1000)))
    data = TextFiles(str(tmp_path), batch_size=4, length=16)
    data.setup()
    batches = [values for values, _ in data.train_dataloader()]
    stream = torch.cat(batches, dim=1).long()
    assert stream.shape == (4, 14 * 16)
    assert (stream.diff(dim=1) == 1).all()
    assert len(stream.unique()) == stream.numel()
    held_out = data.examples("test").values
    assert held_out.dtype == torch.int32
    assert int(held_out.min()) == 900  # the last tenth, in its order
    assert (held_out.flatten().diff() == 1).all()


def test_files_of_a_folder_are_one_text(tmp_path: Path) -> None:
    """In the order of their paths, with the line ends of Unix, without control characters."""
    (tmp_path / "b.md").write_bytes(b"two\x1b[31m\r\n" + b"x" * 400)
    (tmp_path / "a.txt").write_bytes("\ufeffone\tü".encode())
    (tmp_path / "c.bin").write_bytes(b"\xff")
    data = TextFiles(str(tmp_path), length=4)
    assert data.text.startswith("one\tü\ntwo[31m\nx")
    assert data.modality.vocabulary == "\t\n13[emnotwxü"


@pytest.mark.parametrize(
    ("content", "error", "match"),
    [(b"", BadRecipe, "0"), (b"short", BadRecipe, "5"), (b"\xffabc", BadRecipe, "0xff"),
     (b"a\0" * 900, BadRecipe, "null"), (None, MissingData, "root")],
)  # fmt: skip
def test_invalid_files(
    content: bytes | None, error: type[Exception], match: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(error, match=match):
        TextFiles(str(tmp_path)).examples("train")


def test_a_changed_shakespeare_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "tinyshakespeare.txt").write_text("First Citizen")
    with pytest.raises(MissingData, match="sha256"):
        TinyShakespeare(str(tmp_path)).examples("train")
    with pytest.raises(BadRecipe, match="held_out"):
        TinyShakespeare(held_out=1.0)


def test_words_are_tokens_and_the_rest_is_spelled(tmp_path: Path) -> None:
    """No character is lost: a word that is not among the most frequent ones is spelled."""
    text = Text("\n 'abcdnot", words=(" to", "don't"))
    line = "don't to too\n to"
    tokens = [text.tokens[i] for i in text.encode(line).tolist()]
    assert tokens == ["don't", " to", " ", "t", "o", "o", "\n", " to"]
    assert text.decode(text.encode(line)[None]) == [line]
    assert text.characters(text.encode(line)) == len(line)
    (tmp_path / "a.txt").write_text(LINE * 90 + "x y " * 100)
    data = TextFiles(str(tmp_path), length=4, words=3)
    assert data.modality.words == (" be", " not", " or")
    assert data.modality.vocabulary == Text("".join(sorted(set(data.text)))).vocabulary
    both = [data.modality.decode(data.examples(split).values) for split in ("train", "test")]
    assert "".join(both[0]).startswith(LINE)
    assert "x" not in "".join(both[0])  # the last tenth is held out
    assert " x y x y" in "".join(both[1])


def test_invalid_words() -> None:
    for words in ((" a", " a"), ("a",), ("ax",)):
        with pytest.raises(BadInput, match="words"):
            CharRNN("\n ab", words=words)
    with pytest.raises(BadRecipe, match="words"):
        TextFiles(words=-1)
    with pytest.raises(BadRecipe, match="words"):
        CharRNN(" ab", words=(" a",)).modality.check_data(Text(" ab", words=(" b",)))


def test_rates_of_words_are_those_of_their_characters(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LINE * 20)
    protocol = PROTOCOLS["quick"]
    found = []
    for words in (0, 4):
        data = TextFiles(str(tmp_path), length=10, words=words)
        model = CharRNN(data.modality.vocabulary, width=8, words=data.modality.words)
        torch.nn.init.zeros_(model.head.weight)
        torch.nn.init.zeros_(model.head.bias)  # all tokens are equally probable
        rates = {r["metric"]: r["value"] for r in text_rates(model, data, protocol)}
        tokens = data.examples("test").values
        bits = math.log2(model.tokens) * tokens.numel() / data.modality.characters(tokens)
        assert rates["bits-per-character"] == pytest.approx(bits, rel=1e-5)
        found.append(rates["bits-per-character-3-gram"])
    assert found[0] == pytest.approx(found[1], rel=0.1)  # parts of a length in tokens end elsewhere


def test_ngrams_in_closed_form() -> None:
    """Without training text every symbol is uniform; then Witten and Bell's formula by counting."""
    train, test = torch.tensor([0, 1, 0, 1, 0, 2]), torch.tensor([0, 1, 1])
    unigram = [(3 + 3 / 3) / 9, (2 + 1) / 9, (1 + 1) / 9]  # (count + kinds / symbols) / 9
    first, second = ngram_nats(train, test, 3, 2)
    assert first == pytest.approx(-sum(math.log(unigram[i]) for i in (0, 1, 1)) / 3)
    # before the text: 0 once; after 0: 1 twice and 2 once; after 1: 0 twice
    bigram = [(1 + unigram[0]) / 2, (2 + 2 * unigram[1]) / 5, unigram[1] / 3]
    assert second == pytest.approx(-sum(map(math.log, bigram)) / 3)


def test_baselines_find_a_repeated_line() -> None:
    modality = Text("".join(sorted(set(LINE))))
    train, test = (modality.encode(LINE * n)[None] for n in (40, 1))
    records = {r["metric"]: float(r["value"]) for r in baselines(train, test, modality)}
    assert min(value for name, value in records.items() if name.endswith("gram")) < 0.2
    assert records["bits-per-character-gzip"] > 8  # the header of a short file


def test_plain_text_has_no_escapes() -> None:
    assert plain("a\x1b[2J\u202eb\u00a0c\n\td\r") == "a[2Jb c\n\td "


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a text of one's own, by the command line."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "lines.txt").write_text(LINE * 200)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = "--name lines --model.width 32 --model.length 40 --model.dropout 0 --data.length 43"
        few = "--data.batch_size 20 --trainer.max_epochs 12 --trainer.callbacks.n 2 --model.lr 0.02"
        own = ["fit", "char-rnn-shakespeare", "--data", "lines.txt"]
        main([*own, *words.split(), *few.split(), *QUIET])
        terms = ["--license", "CC0-1.0", "--terms", "my own text"]
        main(["export", "runs/lines", "lines", "--protocol", "quick", *terms])
    return folder / "exports" / "lines.safetensors"


def test_own_text_is_learned_and_verified(exported: Path) -> None:
    card = zoo.card(exported)
    values = {record["metric"]: float(record["value"]) for record in card.metrics}
    assert [*values][:2] == ["bits-per-character", "nats-per-character"]
    assert values["bits-per-character"] < 1 < values["bits-per-character-gzip"]
    assert card.facts["license"] == "CC0-1.0"
    main(["verify", str(exported)])
    assert "--- sample 1\n" in exported.with_suffix(".txt").read_text()


def test_a_loaded_model_continues_a_prompt(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert zoo.load(exported).hparams["vocabulary"] == "".join(sorted(set(LINE)))
    target = tmp_path / "x.txt"
    words = ["sample", str(exported), "-n", "2", "--to", str(target), "--prompt", "To be"]
    main([*words, "--temperature", "0.5", "--top-k", "3", "--length", "30"])
    assert "To be" in capsys.readouterr().out
    assert target.read_text().count("\nTo be") == 2
    assert "'Z'" in fails("sample", str(exported), "--prompt", "Z")
    assert "--prompt" in fails("sample", "vae-digits", "--prompt", "a")
