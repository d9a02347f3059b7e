"""A card as the README.md of a Hub repository, and back.

The front matter of the page is what the Hub reads. The front matter of the card lies under its key
`zoo`, and the prose between two marks, so that the card can be read back without loss.
"""

import re

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

from zoo.errors import BadCard
from zoo.pretrained.card_schema import check_facts
from zoo.pretrained.cards import Card, split
from zoo.pretrained.hub import RepoRef

BEGIN, END = "<!-- card -->", "<!-- /card -->"
DATA = {
    "CIFAR-10": "uoft-cs/cifar10",
    "Fashion-MNIST": "zalando-datasets/fashion_mnist",
    "MNIST": "ylecun/mnist",
}
LICENSES = re.compile(r"apache-2\.0|mit|isc|unlicense|cc0-1\.0|cc-by(-nc|-sa|-nc-sa|-nd)?-[34]\.0")
PROTOCOL = ("split", "real", "fake", "seeds", "labels", "resize", "extractor", "unit")


def write_model_card(
    card: Card, repository: str, task: str, use: str, preview: str = "samples.png"
) -> str:
    """README.md: metadata, preview, prose, and usage in three lines, of which `use` is the last."""
    head = metadata(card, repository, task).to_yaml().strip()
    mark = "!" if preview.endswith(".png") else ""
    code = f'import zoo\nmodel = zoo.load("{repository}")\n{use}'
    return (
        f"---\n{head}\n---\n\n{mark}[The first samples, from seed 0]({preview})\n\n"
        f"{BEGIN}\n{card.prose}\n{END}\n\n## Use\n\n```python\n{code}\n```\n\n"
        "A model of the package `generative-zoo`. Weights are safetensors; nothing is unpickled. "
        "The key `zoo` in the front matter of this page states the protocol of each number.\n"
    )


def read_model_card(text: str, repo: RepoRef) -> Card:
    """The card in a README.md; raises BadCard."""
    metadata, body = split(text, f"the page of {repo}")
    facts = metadata.get("zoo")
    if not isinstance(facts, dict) or BEGIN not in body:
        raise BadCard(f"{repo} has no card of the zoo. Its owner can publish one by `zoo publish`")
    prose = body.partition(BEGIN)[2].partition(END)[0].strip()
    check_facts(facts, f"the card of {repo}")
    return Card(str(facts.get("name")), facts, prose)


def metadata(card: Card, repository: str, task: str) -> ModelCardData:
    """What the Hub reads: https://huggingface.co/docs/hub/model-cards."""
    facts = card.facts
    *modules, kind = str(facts["class"]).removeprefix("zoo.").split(".")
    tags = ["generative-zoo", "pytorch", "lightning", modules[0], kind.lower()]
    data = DATA.get(data_title(card))
    license = str(facts["license"]).lower()
    known = LICENSES.fullmatch(license) is not None
    return ModelCardData(
        license=license if known else "other",
        license_name=None if known else str(facts["license"]),
        library_name="generative-zoo",
        pipeline_tag=task,
        tags=tags,
        datasets=[data] if data else None,
        base_model=base(card),
        model_name=repository.partition("/")[2],
        eval_results=[result(record, task, data) for record in card.metrics],
        zoo=facts,
    )


def base(card: Card) -> str | None:
    """The repository whose weights the training was initialized from, if any."""
    origin = RepoRef.parse(str(card.within("training").get("init_from")))
    return origin.repository if origin else None


def result(record: dict[str, str | int | float], task: str, data: str | None) -> EvalResult:
    """A metric as an entry of `model-index`, with the protocol as its arguments."""
    title = str(record.get("data", "unknown"))
    return EvalResult(
        task_type=task,
        dataset_type=data or title.lower().replace(" ", "-"),
        dataset_name=title,
        dataset_split=str(record.get("split")),
        metric_type=str(record["metric"]),
        metric_name=str(record["metric"]),
        metric_value=record["value"],
        metric_args={k: v for k, v in record.items() if k not in ("metric", "value", "data")},
    )


def evaluation(card: Card, repository: str) -> str:
    """`.eval_results/*.yaml`, https://huggingface.co/docs/hub/eval-results: the metrics on a data
    set of the Hub whose name and extractor fix the protocol. Empty text if there are none."""
    source = f"https://huggingface.co/{repository}"
    entries = [
        EvalResultEntry(
            dataset_id=DATA[data_title(card)],
            task_id=str(record["metric"]),
            value=record["value"],
            source_url=source,
            source_name="Model card",
            notes=", ".join(f"{key} {record[key]}" for key in PROTOCOL if key in record),
        )
        for record in card.metrics
        if data_title(card) in DATA
        and ("extractor_sha256" in record or record.get("split") == "test")
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False) if entries else ""


def data_title(card: Card) -> str:
    """The name of the data set."""
    return str(card.within("data")["name"])
