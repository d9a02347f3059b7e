"""A published model loads with equal samples; a model that fails a check is not published."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from conftest import FACTS
from hub_server import TOKEN, File, Hub, Repository
from huggingface_hub import ModelCard, parse_eval_result_entries
from studio.text import VOCABULARY, CharLSTM

import zoo
from zoo.cli import main
from zoo.core.modality import Images, Modality, Text
from zoo.core.preview import preview, rendered_inputs
from zoo.errors import BadWeights, ZooError
from zoo.plotting import pictures
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.hub import PREVIEWS, RepoRef
from zoo.pretrained.hub.model_card import evaluation, read_model_card, write_model_card
from zoo.pretrained.trust import class_path_of, trusting
from zoo.pretrained.weights import sha256
from zoo.publishing import publish
from zoo.publishing.package import build_package
from zoo.publishing.publish import check_package, check_progress, mean_distance
from zoo.vaes.vae import VAE

NAME = "someone/vae-digits"
FILES = {".gitattributes", "README.md", "config.json", "model.safetensors", "samples.png"}


@pytest.fixture(autouse=True)
def writer(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A token that may write, and an empty folder to work in."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A copy of a model that ships, to be changed."""
    for ending in ("md", "png", "safetensors"):
        source = catalog.WEIGHTS / f"vae-digits.{ending}"
        shutil.copyfile(source, tmp_path / f"mine.{ending}")
    return tmp_path / "mine.safetensors"


def change(path: Path, before: str, after: str) -> None:
    """Edit the card beside a file."""
    card = path.with_suffix(".md")
    text = card.read_text()
    assert before in text
    card.write_text(text.replace(before, after, 1))


def fails(*arguments: str) -> str:
    """What a command says when it stops."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    said = str(stop.value.code)
    assert said.startswith("zoo: ")
    assert "\n" not in said
    return said


def held(hub: Hub, name: str = NAME, revision: str = "main") -> dict[str, File]:
    repository = hub.repositories[name]
    return repository.commits[str(repository.resolve(revision))]


def test_publish_fetch_load_same_samples(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["publish", "vae-digits", NAME])
    assert f'zoo.load("{NAME}")' in capsys.readouterr().out
    monkeypatch.delenv("HF_TOKEN")
    ours = zoo.load("vae-digits")
    assert torch.equal(zoo.load(NAME).sample(64, 0), ours.sample(64, 0))
    card, local = zoo.card(NAME), zoo.card("vae-digits")
    commit = hub.repositories[NAME].branches["main"]
    assert card == Card(local.name, local.facts | {"hub": f"{NAME}@{commit}"}, local.prose)
    assert set(held(hub)) == FILES
    assert held(hub)["model.safetensors"].sha256 == local.facts["sha256"]
    main(["verify", NAME])
    main(["compare", NAME, "vae-digits"])
    main(["sample", f"{NAME}@{commit}", "-n", "4"])
    main(["show", NAME])
    assert f"hub: {NAME}@{commit}" in capsys.readouterr().out


def test_config_is_the_header(hub: Hub) -> None:
    main(["publish", "vae-digits", NAME])
    model = zoo.load("vae-digits")
    assert json.loads(held(hub)["config.json"]) == {
        "format": "zoo/1",
        "class": "zoo.vaes.vae.VAE",
        "arguments": dict(model.hparams),
    }


def test_the_page_reads_as_a_model_card(hub: Hub) -> None:
    main(["publish", "vae-digits", NAME])
    page = ModelCard(held(hub)["README.md"].decode())
    data = page.data
    assert (data.license, data.library_name) == ("apache-2.0", "generative-zoo")
    assert data.pipeline_tag == "unconditional-image-generation"
    assert {"generative-zoo", "vaes", "vae"} <= set(data.tags)
    found = {result.metric_type: result for result in data.eval_results}
    for record in zoo.card("vae-digits").metrics:
        assert found[record["metric"]].metric_value == record["value"]
        assert found[record["metric"]].dataset_split == record["split"]
        assert found[record["metric"]].metric_args.get("seeds") == record.get("seeds")
    assert "![The first samples, from seed 0](samples.png)" in page.content
    usage = page.content.partition("```python\n")[2].partition("```")[0]
    assert len(usage.splitlines()) == 3
    namespace: dict[str, torch.Tensor] = {}
    exec(usage, namespace)
    assert namespace["images"].shape == (64, 1, 8, 8)


@pytest.mark.parametrize("name", zoo.list_models())
def test_every_card_survives_its_page(name: str) -> None:
    card = zoo.card(name)
    page = write_model_card(card, f"someone/{name}", "unconditional-image-generation", "")
    assert read_model_card(page, RepoRef(f"someone/{name}")) == card


def test_evaluation_results_are_in_the_hubs_format() -> None:
    """Of data sets that the Hub has; the value and its protocol."""
    assert evaluation(zoo.card("vae-digits"), NAME) == ""
    card = zoo.card("vae-fashion-mnist")
    entries = parse_eval_result_entries(yaml.safe_load(evaluation(card, NAME)))
    assert {entry.dataset_id for entry in entries} == {"zalando-datasets/fashion_mnist"}
    first = entries[0]
    assert (first.task_id, first.value) == ("fd-lenet", card.metrics[0]["value"])
    assert first.notes.startswith("split test, real 10000, fake 10000, seeds 3")
    assert first.source_url.endswith(NAME)


def test_evaluation_results_are_sent(hub: Hub) -> None:
    main(["publish", "lenet-mnist", "someone/lenet-mnist"])
    files = held(hub, "someone/lenet-mnist")
    results = yaml.safe_load(files[".eval_results/generative-zoo.yaml"])
    assert results[0]["dataset"] == {"id": "ylecun/mnist", "task_id": "accuracy"}
    assert ModelCard(files["README.md"].decode()).data.pipeline_tag == "image-classification"


def test_a_dry_run_sends_nothing(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    main(["publish", "vae-digits", NAME, "--dry-run"])
    said = capsys.readouterr().out
    for name in FILES - {".gitattributes"}:
        assert f"MB  {name}" in said
    assert "license: apache-2.0" in said
    assert "nothing was sent" in said
    assert {request.split()[0] for request in hub.requests} <= {"HEAD", "GET"}
    assert not hub.repositories


def test_private_revision_and_pull_request(
    hub: Hub, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["publish", "vae-digits", NAME, "--private"])
    assert hub.repositories[NAME].private
    main(["publish", "vae-digits", "someone/open"])
    assert not hub.repositories["someone/open"].private
    assert "someone/open is public" in fails("publish", "vae-digits", "someone/open", "--private")
    change(mine, "# vae-digits", "# mine")
    main(["publish", "mine.safetensors", NAME, "--revision", "v2"])
    assert b"# mine" in held(hub, revision="v2")["README.md"]
    assert b"# mine" not in held(hub)["README.md"]
    capsys.readouterr()
    main(["publish", "mine.safetensors", NAME, "--create-pr"])
    assert "discussions/1" in capsys.readouterr().out
    assert b"# mine" in held(hub, revision="refs/pr/1")["README.md"]
    assert b"# mine" not in held(hub)["README.md"]
    both = fails("publish", "vae-digits", NAME, "--create-pr", "--revision", "v2")
    assert "--create-pr" in both


def test_what_no_longer_belongs_is_taken_out(hub: Hub) -> None:
    main(["publish", "vae-digits", NAME])
    old = {"discriminator.safetensors": File(b"old"), "notes.txt": File(b"kept")}
    hub.repositories[NAME].commit(held(hub) | old)
    main(["publish", "vae-digits", NAME])
    assert set(held(hub)) == FILES | {"notes.txt"}


def test_a_text_model_is_published_with_its_text(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of a class of its own, whose preview is no picture."""
    torch.manual_seed(0)
    zoo.save(CharLSTM(), path := tmp_path / "writer.safetensors")
    with trusting(classes=[CharLSTM]):
        text = Text(VOCABULARY, 16)
        preview(zoo.load(path), text, rendered_inputs(path, text)).render(path)
        facts = FACTS | {"sha256": sha256(path), "name": "writer"}
        facts["class"] = class_path_of(CharLSTM)
        path.with_suffix(".md").write_text(str(Card("writer", facts, "# writer")))
        main(["publish", str(path), "someone/writer"])
        assert set(held(hub, "someone/writer")) == FILES - {"samples.png"} | {"samples.txt"}
        data = ModelCard(held(hub, "someone/writer")["README.md"].decode()).data
        assert data.pipeline_tag == "text-generation"
        main(["verify", "someone/writer"])
    with pytest.raises(BadWeights, match=r"CharLSTM.*--trust"):
        zoo.load("someone/writer")
    again = zoo.load("someone/writer", classes=[CharLSTM])
    assert torch.equal(again.sample(4, 0), CharLSTM.sample(again, 4, 0))


def test_every_modality_has_a_preview() -> None:
    kinds = [kind for kind in Modality.__subclasses__() if kind.__module__.startswith("zoo.")]
    assert {kind.suffix for kind in kinds} <= set(PREVIEWS)
    assert mean_distance(torch.zeros(4, 3, dtype=torch.int64)) == 0
    assert mean_distance(torch.arange(12).view(4, 3)) == 1


# The gate


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("license: Apache-2.0", "license:", "license of the weights"),
        ("license: Apache-2.0", "license: yours to decide", "license of the weights"),
        ("terms: CC BY 4.0, by Alpaydin & Kaynak", "terms: yours", "terms of the data"),
        ("\nsha256: ", "\nsha256: 00", "sha256"),
        ("metrics:\n", "metrics:\n- {metric: missing-classes, value: 2.0}\n", "missing-classes"),
    ],
)
def test_a_card_with_gaps_is_not_published(
    hub: Hub, mine: Path, before: str, after: str, words: str
) -> None:
    change(mine, before, after)
    assert words in fails("publish", "mine.safetensors", NAME, "--force")
    assert not hub.repositories


def test_terms_are_asked_for_before_a_checkpoint_is_measured(tmp_path: Path) -> None:
    """What was learned from one's own pictures has the terms that one writes into its card."""
    recipe = yaml.safe_load(catalog.recipe_path("vae-digits").read_text())
    recipe["data"] = {"class_path": "zoo.data.ImageFolder", "init_args": {"root": "pictures"}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    said = fails("publish", "last.ckpt", "someone/shells")
    assert "shells lacks the license of the weights and the terms of the data" in said


def test_a_model_that_fails_verify_is_not_published(hub: Hub, mine: Path) -> None:
    pictures.save(pictures.grid(torch.zeros(64, 1, 8, 8)), mine.with_suffix(".png"))
    assert "seed 0" in fails("publish", str(mine), NAME)
    mine.with_suffix(".md").unlink()
    assert "mine.md" in fails("publish", str(mine), NAME)
    assert not hub.repositories


def test_a_model_that_draws_one_thing_is_not_published(hub: Hub, mine: Path) -> None:
    model = VAE(size=8, channels=1, latent=16, noise=0.4)
    with torch.no_grad():
        model.decoder[0].weight.zero_()
    zoo.save(model, mine)
    preview(zoo.load(mine), Images(), rendered_inputs(mine, Images())).render(mine)
    change(mine, zoo.card("vae-digits").facts["sha256"], sha256(mine))
    assert "mine has collapsed" in fails("publish", "mine.safetensors", NAME, "--force")


@pytest.mark.parametrize(
    ("by", "metric"),
    [(0, ""), (-0.2, ""), (3.5, ""), (4.5, "fd-pixels")],
)
def test_a_worse_model_is_published_by_force_alone(
    hub: Hub, mine: Path, by: float, metric: str
) -> None:
    """Worse by more than both intervals, of twice the spread over seeds on either side."""
    main(["publish", "vae-digits", NAME])
    headline = zoo.card("vae-digits").metrics[0]
    value = headline["value"] + by * headline["spread"]
    change(mine, f"value: {headline['value']}", f"value: {value:.6f}")
    if metric:
        said = fails("publish", "mine.safetensors", NAME)
        assert metric in said
        assert NAME in said
        assert "--force" in said
    main(["publish", "mine.safetensors", NAME, *(["--force"] if metric else [])])


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("seeds: 3", "seeds: 1", "seeds of fd-pixels"),
        ("metric: fd-pixels", "metric: fd-other", "fd-other"),
    ],
)
def test_numbers_that_cannot_be_compared(
    hub: Hub, mine: Path, before: str, after: str, words: str
) -> None:
    main(["publish", "vae-digits", NAME])
    change(mine, before, after)
    assert words in fails("publish", "mine.safetensors", NAME)


def test_better_depends_on_the_metric(hub: Hub) -> None:
    main(["publish", "lenet-mnist", "someone/lenet"])
    card = zoo.card("lenet-mnist")
    for value, good in ((0.98, False), (0.999, True)):
        record = card.metrics[0] | {"value": value}
        new = Card(card.name, card.facts | {"metrics": [record]}, card.prose)
        if good:
            check_progress(new, RepoRef("someone/lenet"))
        else:
            with pytest.raises(ZooError, match="someone/lenet"):
                check_progress(new, RepoRef("someone/lenet"))


def test_another_kind_of_repository_is_not_written_over(hub: Hub) -> None:
    hub.repositories[NAME] = Repository()
    hub.repositories[NAME].commit({"README.md": File(b"---\nlicense: mit\n---\nSomething else")})
    said = fails("publish", "vae-digits", NAME)
    assert NAME in said
    assert "--force" in said
    main(["publish", "vae-digits", NAME, "--force"])


def test_what_somebody_sent_in_between_is_not_written_over(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["publish", "vae-digits", NAME])
    repository = hub.repositories[NAME]
    there = publish.API.list_repo_files

    def meanwhile(*arguments: object, **named: object) -> list[str]:
        repository.commit(held(hub) | {"notes.txt": File(b"better")})
        return there(*arguments, **named)

    monkeypatch.setattr(publish.API, "list_repo_files", meanwhile)
    assert NAME in fails("publish", "vae-digits", NAME)
    assert held(hub)["notes.txt"] == b"better"


@pytest.mark.parametrize("branch", ["main", "dev"])
def test_what_somebody_sent_first_is_not_written_over(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, branch: str
) -> None:
    """A new repository, or a new branch of one."""
    there = publish.API.list_repo_files

    def meanwhile(repository: str, **named: str) -> list[str]:
        files = there(repository, **named)
        hub.repositories[NAME].commit({"README.md": File(b"better")}, branch)
        return files

    monkeypatch.setattr(publish.API, "list_repo_files", meanwhile)
    assert NAME in fails("publish", "vae-digits", NAME, "--revision", branch)
    repository = hub.repositories[NAME]
    assert repository.commits[repository.branches[branch]] == {"README.md": File(b"better")}


# Who may


def test_publishing_needs_a_token_that_may_write(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.tokens["hf_reader"] = False
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    said = fails("publish", "vae-digits", NAME)
    assert "permission for someone/vae-digits" in said
    assert "token in HF_TOKEN" in said
    monkeypatch.delenv("HF_TOKEN")
    assert "`hf auth login`" in fails("publish", "vae-digits", NAME)


def test_faults_while_publishing(hub: Hub) -> None:
    hub.faults.statuses += [("PUT", 500), ("POST .*preupload", 429)]  # asked again
    main(["publish", "vae-digits", NAME])
    for pattern, status, words in (
        ("POST /api/validate-yaml", 400, "someone/other (400)"),
        ("PUT .*lfs", 403, "permission for someone/other"),
        ("POST .*commit", 500, "busy (status 500)"),
    ):
        hub.faults.statuses = [(pattern, status)] * 2
        hub.objects.clear()
        assert words in fails("publish", "vae-digits", "someone/other")
    assert set(held(hub, "someone/other")) == {".gitattributes"}  # all in one commit, or nothing
    hub.stop()
    assert hub.url in fails("publish", "vae-digits", "someone/third")
    hub.restart()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vae-digit", NAME], "did you mean vae-digits"),
        (["vae-digits", "nowhere"], "nowhere"),
        (["a/b", NAME], "a/b"),
        (["no.ckpt", NAME], "no.ckpt"),
        (["no.safetensors", NAME], "no.safetensors"),
        (["vae-digits", f"{NAME}@v1", "--revision", "v2"], "someone/vae-digits@v1"),
    ],
)
def test_errors_are_one_line(arguments: list[str], words: str) -> None:
    assert words in fails("publish", *arguments)


def test_a_package_is_complete_before_it_is_sent() -> None:
    with build_package("dcgan-digits", "someone/x") as package:
        assert set(package.files()) == FILES - {".gitattributes"}
        check_package(package, RepoRef("someone/x"))
    assert not package.folder.exists()
