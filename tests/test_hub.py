"""Models are downloaded from the Hub once and verified; every failure has a message."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_server import TOKEN, File, Hub, Repository
from huggingface_hub import constants

import zoo
from zoo.cli import main
from zoo.errors import BadCard, BadWeights, ZooError
from zoo.pretrained import catalog
from zoo.pretrained.hub import RepoRef, cache, client, fetch
from zoo.pretrained.limits import HEADER, LimitOperations, TooLarge
from zoo.pretrained.weights import sha256
from zoo.vaes.vae import VAE

Offer = Callable[..., str]
NAME = "someone/vae-toy"
PLAIN = {"format": "zoo/1", "class": "zoo.vaes.vae.VAE"}


def toy() -> VAE:
    return VAE(size=8, channels=1, latent=4, width=8)


def refused(name: str, words: str, kind: type[ZooError] = ZooError) -> str:
    """The message of `zoo.load`, which is one line."""
    with pytest.raises(kind, match=words) as error:
        zoo.load(name)
    assert "\n" not in str(error.value)
    return str(error.value)


def blobs() -> list[Path]:
    """What huggingface_hub's cache holds."""
    return list(Path(constants.HF_HUB_CACHE).glob("*/blobs/*"))


# Names


def test_a_repository_loads_and_draws_the_same(hub: Hub, offer: Offer) -> None:
    model = toy().eval()
    offer(NAME, model)
    assert torch.equal(zoo.load(NAME).sample(8, seed=1), model.sample(8, seed=1))
    assert zoo.card(NAME).prose.endswith("Good at being small.")
    assert catalog.stem(f"{NAME}@main") == catalog.stem("x/vae-toy.safetensors") == "vae-toy"


def test_a_file_comes_once(hub: Hub, offer: Offer) -> None:
    commit = offer(NAME, toy())
    zoo.load(NAME)
    assert len(hub.requests_matching("GET /cdn")) == 2  # the header, then the file
    assert len(hub.requests_matching("GET .*config.json")) == 1  # by which the Hub counts downloads
    assert "generative-zoo/" in hub.sent[f"/{NAME}/resolve/{commit}/config.json"]["user-agent"]
    hub.requests.clear()
    zoo.load(NAME)
    assert {request.split()[0] for request in hub.requests} == {"HEAD"}
    hub.requests.clear()
    zoo.load(f"{NAME}@{commit}")
    assert not hub.requests  # a commit never changes


def test_a_commit_is_a_pin(hub: Hub, offer: Offer) -> None:
    old, new = toy().eval(), toy().eval()
    first = offer(NAME, old)
    zoo.load(NAME)
    second = offer(NAME, new)
    hub.repositories[NAME].tags["v1"] = first
    assert torch.equal(zoo.load(NAME).sample(2, 0), new.sample(2, 0))
    assert zoo.card(NAME).facts["hub"] == f"{NAME}@{second}"
    for pin in first, "v1":
        assert torch.equal(zoo.load(f"{NAME}@{pin}").sample(2, 0), old.sample(2, 0))
        assert zoo.card(f"{NAME}@{pin}").facts["hub"] == f"{NAME}@{first}"


def test_the_zoos_own_card_says_where_its_weights_are(
    hub: Hub, offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = offer(NAME, toy(), sha256="0" * 64)
    text = str(zoo.card("vae-digits")).replace("---\n", f"---\nhub: {NAME}@{commit}\n", 1)
    monkeypatch.setattr(catalog, "WEIGHTS", tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    card = tmp_path / "weights" / "vae-digits.md"
    card.write_text(text)
    assert zoo.list_models() == ["vae-digits"]
    refused("vae-digits", "vae-digits.*sha256 .*0{64}", BadWeights)
    commit = offer(NAME, toy())
    card.write_text(text.replace("hub: ", f"hub: {NAME}@{commit} # "))
    refused("vae-digits", f"vae-digits.*{NAME}.*sha256", BadWeights)
    digest = fetch.weights(RepoRef(NAME))
    card.write_text(
        text.replace("hub: ", f"hub: {NAME}@{commit} # ").replace(
            zoo.card("vae-digits").facts["sha256"], sha256(digest)
        )
    )
    assert isinstance(zoo.load("vae-digits"), VAE)
    card.write_text(text.replace("hub: ", "hub: nowhere # "))
    refused("vae-digits", "hub must be owner/name.*nowhere", BadCard)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("vae-toy/", "a folder here.*./someone/vae-toy/FILE.safetensors"),
        ("vae-toy", "a file here.*./someone/vae-toy for.*someone/vae-toy@main"),
        ("vae-toy.safetensors", "./someone/vae-toy.safetensors for.*someone/vae-toy@main"),
    ],
)
def test_an_ambiguous_name_is_refused_with_the_choices(
    hub: Hub, offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, words: str
) -> None:
    offer(NAME, toy())
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "someone" / path
    (place if path.endswith("/") else place.parent).mkdir(parents=True)
    if not path.endswith("/"):
        zoo.save(toy(), place)
        assert isinstance(zoo.load(f"./someone/{path}"), VAE)
    refused(NAME, words)
    assert isinstance(zoo.load(f"{NAME}@main"), VAE)


@pytest.mark.parametrize("name", ["a/b@../../../evil", "a/b@c@d", "../a/b", "a/b/c", "a//b", "a/"])
def test_names_that_are_no_names(hub: Hub, name: str) -> None:
    with pytest.raises(ZooError):
        zoo.load(name)
    assert not hub.requests
    refused("a--b/c", "a--b/c")


# Without a network


def test_offline_afterwards(hub: Hub, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = offer(NAME, toy())
    model = zoo.load(NAME)
    hub.stop()
    for name in NAME, f"{NAME}@{commit}":
        assert torch.equal(zoo.load(name).sample(2, 0), model.sample(2, 0))
    hub.restart()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert torch.equal(zoo.load(NAME).sample(2, 0), model.sample(2, 0))
    assert not hub.requests
    refused("someone/else", "someone/else.*HF_HUB_OFFLINE")


def test_no_network_and_nothing_cached(hub: Hub) -> None:
    hub.stop()
    assert hub.url in refused(NAME, NAME)
    hub.restart()


# Tokens


def test_which_token_is_missing(hub: Hub, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(NAME, toy())
    hub.repositories[NAME].gated = True
    assert "`hf auth login`" in refused(NAME, f"terms of use.*/{NAME}")
    hub.repositories[NAME] = Repository(True, commits=hub.repositories[NAME].commits)
    refused(NAME, "no repository someone/vae-toy.*HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    refused(NAME, "someone/vae-toy.*token in HF_TOKEN")
    monkeypatch.delenv("HF_TOKEN")
    saved = Path(constants.HF_TOKEN_PATH)
    saved.parent.mkdir(parents=True, exist_ok=True)
    saved.write_text("hf_expired")
    refused(NAME, "saved by `hf auth login`")


def test_a_token_opens_a_private_repository_and_is_sent_to_the_hub_alone(
    hub: Hub, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(NAME, toy())
    hub.repositories[NAME].private = True
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert isinstance(zoo.load(NAME), VAE)  # large files come from another origin


# What is not there


def test_near_names(hub: Hub, offer: Offer) -> None:
    offer(NAME, toy())
    hub.repositories[NAME].tags["v1.0"] = offer(NAME, toy())
    refused("someone/vae-tov", "did you mean someone/vae-toy?")
    refused(f"{NAME}@v1.1", "has no branch, tag or commit 'v1.1'; did you mean v1.0?")
    refused(f"{NAME}@zzzzzz", "zzzzzz.*main, v1.0")


def test_pickles_are_not_even_fetched(hub: Hub) -> None:
    files = {"pytorch_model.bin": File(b"PK"), "README.md": File(b"a model")}
    hub.repositories[NAME] = Repository()
    hub.repositories[NAME].commit(files)
    said = refused(NAME, "pickles")
    assert "pytorch_model.bin" in said
    assert not hub.requests_matching("GET /cdn")
    hub.repositories[NAME].commit({"README.md": File(b"a model"), "a.txt": File(b"text")})
    refused(NAME, r"README.md, a.txt")


def test_a_page_that_is_no_card(hub: Hub, offer: Offer) -> None:
    commit = offer(NAME, toy())
    files = hub.repositories[NAME].commits[commit]
    for text in (b"hello", b"---\nzoo: [\n---\n", b"---\nlicense: mit\n---\nhello"):
        hub.repositories[NAME].commit(files | {"README.md": File(text)})
        with pytest.raises(BadCard, match="someone/vae-toy@"):
            zoo.load(NAME)
    page = files["README.md"].replace(b"Good", b"\x1b[2JGood \xe2\x80\xae")
    hub.repositories[NAME].commit(files | {"README.md": File(page)})
    assert zoo.card(NAME).prose.endswith("\n[2JGood  at being small.")  # no command to a terminal


# An unreliable network


def test_a_busy_hub_is_asked_again(hub: Hub, offer: Offer) -> None:
    offer(NAME, toy())
    busy = [("HEAD .*README", 429), ("HEAD .*README", 500), ("GET .*README", 503)]
    busy += [("GET /cdn", status) for status in (500, 429, 502)]
    hub.faults.statuses += busy
    assert isinstance(zoo.load(NAME), VAE)
    assert not hub.faults.statuses
    hub.faults.statuses += [("", 500)] * 500
    refused("someone/else", "busy.*500")


def large() -> VAE:
    """A model of 5 MB."""
    return VAE(size=32, channels=1, latent=32, width=53)


def test_a_cut_connection_is_taken_up_again(hub: Hub, offer: Offer) -> None:
    commit = offer(NAME, large())
    size = len(hub.repositories[NAME].commits[commit]["model.safetensors"])
    assert 4.5e6 < size < 5.5e6
    hub.faults.cut_after = size // 2
    path = fetch.weights(RepoRef(NAME))
    assert sha256(path) == hub.repositories[NAME].commits[commit]["model.safetensors"].sha256
    last = hub.sent[f"/cdn/{NAME}/{commit}/model.safetensors"]
    assert last["range"] == f"bytes={2**21}-"  # the megabytes that had come were kept


def test_a_file_changed_under_the_same_revision(hub: Hub, offer: Offer) -> None:
    commit = offer(NAME, toy())
    good = hub.repositories[NAME].commits[commit]["model.safetensors"]
    hub.faults.swapped["model.safetensors"] = good[:-4] + b"evil"
    refused(NAME, sha256_of(good), BadWeights)
    hub.faults.swapped.clear()
    assert isinstance(zoo.load(NAME), VAE)
    path = fetch.weights(RepoRef(NAME)).resolve()
    path.write_bytes(good[:-4] + b"evil")  # nor does a file that changed in the cache pass
    refused(NAME, sha256_of(good), BadWeights)
    assert isinstance(zoo.load(NAME), VAE)


def sha256_of(content: bytes) -> str:
    return File(content).sha256


def test_a_file_that_came_short(hub: Hub, offer: Offer) -> None:
    commit = offer(NAME, toy())
    good = hub.repositories[NAME].commits[commit]["model.safetensors"]
    hub.faults.swapped["model.safetensors"] = good[:-4]
    refused(NAME, f"{NAME} was not received in full")


def test_a_full_disk_keeps_nothing(hub: Hub, offer: Offer) -> None:
    offer(NAME, large())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))  # a disk of 2 MB
    try:
        said = refused(NAME, f"{NAME}.*disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "HF_HOME" in said
    assert all(blob.stat().st_size < 1e5 for blob in blobs())  # page and config
    assert isinstance(zoo.load(NAME), VAE)


def test_two_processes_fetch_at_once(hub: Hub, offer: Offer) -> None:
    offer(NAME, large())
    hub.faults.slow = 0.2
    fork = multiprocessing.get_context("fork")  # a fresh process would import torch for seconds
    both = [fork.Process(target=fetch.weights, args=(RepoRef(NAME),)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(hub.requests_matching("GET /cdn")) in (
        3,
        4,
    )  # two headers, and the file once unless at once
    assert sha256(fetch.weights(RepoRef(NAME))) == zoo.card(NAME).facts["sha256"]
    assert len(blobs()) == 3


# Invalid files


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"class": "os.system", "arguments": {"command": "true"}}, "os.system"),
        (
            {"class": "zoo.vaes.vae.VAE", "arguments": {"latent": 10**12}},
            "latent .*1000000000000",
        ),
        ({"class": "zoo.vaes.vae.VAE", "arguments": {"width": 65536}}, "decoder"),
        (
            {"class": "zoo.vaes.vae.VAE", "arguments": {"evil": 1}},
            "VAE.*evil",
        ),
    ],
)
def test_a_header_is_judged_before_the_file_is_fetched(
    hub: Hub, offer: Offer, header: dict[str, object], words: str
) -> None:
    commit = offer(NAME, toy(), header={"format": "zoo/1"} | header)
    said = refused(NAME, words, BadWeights)
    assert said.startswith(f"{NAME}@{commit}/model.safetensors")
    whole = [
        request for request in hub.requests_matching("GET /cdn") if "model.safetensors" in request
    ]
    assert len(whole) == 1
    sent = hub.sent[f"/cdn/{NAME}/{commit}/model.safetensors"]
    assert sent["range"].startswith("bytes=0-")


def test_a_file_that_is_not_safetensors(hub: Hub, offer: Offer) -> None:
    commit = offer(NAME, toy())
    files = hub.repositories[NAME].commits[commit]
    for content in (b"", b"PK\x03\x04" * 100, b"\x02" + b"\0" * 7 + b"[]", b"\xff" * 100):
        hub.repositories[NAME].commit(files | {"model.safetensors": File(content)})
        refused(NAME, "not safetensors|unknown size", BadWeights)


@pytest.mark.parametrize("file", ["model.safetensors", "README.md"])
def test_no_file_is_larger_than_its_kind(hub: Hub, offer: Offer, file: str) -> None:
    commit = offer(NAME, toy())
    hub.faults.claimed["model.safetensors"] = 2**40
    if file == "README.md":
        hub.faults.swapped["README.md"] = b" " * 2**21
    refused(NAME, f"{file} of {NAME}.*got [0-9]+", BadWeights)
    assert not hub.requests_matching(f"GET /cdn/{NAME}/{commit}")


def test_no_name_leads_out_of_the_cache(hub: Hub, offer: Offer, tmp_path: Path) -> None:
    """Not even one that the Hub itself makes up."""
    offer(NAME, toy())
    for commit in ("../../../../evil", "main", "0" * 41):
        hub.faults.commit = commit
        with pytest.raises(ZooError):
            zoo.load(NAME)
    assert not list(Path(constants.HF_HOME).rglob("*evil*"))


def test_a_model_of_very_many_layers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before minutes are spent on building them."""
    with (
        pytest.raises(TooLarge, match="20,000"),
        torch.device("meta"),
        LimitOperations(),
    ):
        torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(10**9)))
    zoo.save(toy(), tmp_path / "toy.safetensors")
    monkeypatch.setattr("zoo.pretrained.headers.LimitOperations", lambda: LimitOperations(10))
    refused(str(tmp_path / "toy.safetensors"), "at most 10 operations", BadWeights)
    assert not torch.nn.modules.module._global_module_registration_hooks


def test_a_header_is_of_a_sane_size(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    path.write_bytes((HEADER + 8).to_bytes(8, "little") + b" " * (HEADER + 100))
    refused(str(path), "4,194,304 bytes, got 4,194,312", BadWeights)


# A malicious Hub


@pytest.mark.parametrize("fault", ["whole", "gzip"])
def test_no_answer_fills_the_memory(
    hub: Hub, offer: Offer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    offer(NAME, large())
    monkeypatch.setattr(fetch, "HEADER", 2**20)
    if fault == "whole":
        hub.faults.whole = True
        refused(NAME, "2,097,152 bytes")
    else:
        hub.faults.encoding = "gzip"
        refused(NAME, "gzip")
    assert all(blob.stat().st_size < 1e5 for blob in blobs())


def test_a_silent_hub_is_given_up(hub: Hub, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(NAME, toy())
    hub.faults.silent = 5
    monkeypatch.setattr(client, "TIMEOUT", 1.0)
    start = time.monotonic()
    refused(NAME, f"{hub.url}.* 1 s")
    assert time.monotonic() - start < 4


# The cache


def test_a_cache_that_cannot_be_written_to_is_used(
    hub: Hub, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(NAME, toy())
    zoo.load(NAME)

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache, "cached_assets_path", read_only)
    assert isinstance(zoo.load(NAME), VAE)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert isinstance(zoo.load(NAME), VAE)


@pytest.mark.parametrize("text", ["[]", "null", "3", "{", "[" * 100_000])
def test_a_record_that_is_none_is_made_anew(hub: Hub, offer: Offer, text: str) -> None:
    commit = offer(NAME, toy())
    zoo.load(NAME)
    cache.record_path(RepoRef(NAME, commit)).write_text(text)
    main(["cache"])
    assert isinstance(zoo.load(NAME), VAE)
    assert [entry.verified for entry in cache.list_cached()] == [True]


def test_what_was_fetched_is_listed_and_cleared(hub: Hub, offer: Offer) -> None:
    first = offer(NAME, toy())
    zoo.load(NAME)
    second = offer("other/vae-toy", toy())
    zoo.card("other/vae-toy")
    one, two = cache.list_cached()
    assert (one.repo, one.verified) == (RepoRef("other/vae-toy", second), False)
    assert (two.repo, two.verified) == (RepoRef(NAME, first), True)
    assert two.refs == ["main"]
    assert two.size > 10_000
    cache.clear([two])
    assert cache.list_cached() == [one]
    cache.clear([one])
    assert cache.list_cached() == []
    assert not blobs()
    assert isinstance(zoo.load(NAME), VAE)


def test_other_peoples_cache_is_left_alone(hub: Hub, offer: Offer) -> None:
    offer(NAME, toy())
    fetch.API.hf_hub_download(NAME, "config.json")
    assert cache.list_cached() == []
    cache.clear(cache.list_cached())
    assert blobs()


def test_zoo_cache(hub: Hub, offer: Offer, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = offer(NAME, toy()), offer("other/vae-toy", toy())
    zoo.load(NAME)
    zoo.load("other/vae-toy")
    capsys.readouterr()
    main(["cache"])
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said[:2]] == [["other/vae-toy", second], [NAME, first]]
    assert said[2].startswith("downloaded: 2, 0.")
    main(["cache", NAME, "--clear"])
    assert capsys.readouterr().out.splitlines()[1].startswith("cleared: 1, 0.")
    with pytest.raises(SystemExit, match=NAME):
        main(["cache", NAME])
    main(["cache", "--clear"])
    main(["cache"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("downloaded: 0, 0.0 MB")
