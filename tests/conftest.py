"""What all tests share; none of them ever reaches the real Hugging Face Hub."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch
from hub_server import Hub

HUB = Hub()
HF_HOME = Path(mkdtemp(prefix="hf-home-"))
os.environ |= {  # read when huggingface_hub is first imported, and by the commands that tests run
    "HF_ENDPOINT": HUB.url,
    "HF_HOME": str(HF_HOME),
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
    os.environ.pop(name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """GPU tests need a GPU."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def pytest_sessionfinish() -> None:
    shutil.rmtree(HF_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def running_hub() -> Iterator[Hub]:
    HUB.start()
    yield HUB
    HUB.stop()


@pytest.fixture
def hub(running_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty Hub, an empty cache, no token, and no long waiting between two tries."""
    running_hub.reset()
    shutil.rmtree(HF_HOME, ignore_errors=True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))
    return running_hub
