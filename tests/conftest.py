"""Fixtures of all tests, without access to the real Hugging Face Hub."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch
from filelock import FileLock
from hub_server import File, Hub, Repository
from safetensors.torch import load_file, save_file

HUB = Hub()
HF_HOME = Path(mkdtemp(prefix="hf-home-"))
os.environ |= {  # before the import of huggingface_hub, and for subprocesses
    "HF_ENDPOINT": HUB.url,
    "HF_HOME": str(HF_HOME),
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
    os.environ.pop(name, None)

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread each, as workers share the cores
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"

from zoo.core.module import ZooModule  # noqa: E402
from zoo.pretrained.cards import Card  # noqa: E402
from zoo.pretrained.hub.fetch import WEIGHTS  # noqa: E402
from zoo.pretrained.hub.model_card import write_model_card  # noqa: E402
from zoo.pretrained.weights import save, sha256  # noqa: E402

FACTS = {
    "name": "toy",
    "recipe": "recipes/toy.yaml",
    "commit": "abc",
    "license": "Apache-2.0",
    "data": {"name": "Digits", "terms": "CC BY 4.0"},
    "parameters": 3,
    "training": {"minutes": 1},
    "metrics": [{"metric": "fd-pixels", "value": 1.5, "data": "Digits", "split": "test"}],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip GPU tests without a GPU."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def pytest_sessionfinish() -> None:
    shutil.rmtree(HF_HOME, ignore_errors=True)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process of the tests fills, for all processes."""
    shared = "PYTEST_XDIST_WORKER" in os.environ
    root = factory.getbasetemp().parent if shared else factory.getbasetemp()
    with FileLock(root / f"{name}.lock"):
        if not (root / name).exists():
            (root / name).mkdir()
            make(root / name)
    return root / name


@pytest.fixture(scope="session")
def running_hub() -> Iterator[Hub]:
    HUB.start()
    yield HUB
    HUB.stop()


@pytest.fixture
def hub(running_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty Hub and cache, without a token, with short waits between retries."""
    running_hub.reset()
    shutil.rmtree(HF_HOME, ignore_errors=True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))
    return running_hub


@pytest.fixture
def offer(hub: Hub, tmp_path: Path) -> Callable[..., str]:
    """A function that commits a small model to the Hub like `zoo publish`; returns the commit."""

    def put(repository: str, model: ZooModule, header: object = None, **changes: object) -> str:
        path = tmp_path / "offered.safetensors"
        save(model, path)
        if header is not None:
            save_file(load_file(path), path, {"zoo": json.dumps(header)})
        kind = type(model)
        facts = FACTS | {"class": f"{kind.__module__}.{kind.__qualname__}", "sha256": sha256(path)}
        card = Card(repository.partition("/")[2], facts | changes, "# toy\n\nGood at being small.")
        page = write_model_card(
            card, repository, "unconditional-image-generation", "model.sample(64)"
        )
        files = {"README.md": page.encode(), "config.json": b"{}", WEIGHTS: path.read_bytes()}
        stored = hub.repositories.setdefault(repository, Repository())
        return stored.commit({name: File(content) for name, content in files.items()})

    return put


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
