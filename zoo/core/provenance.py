"""What a result came from: the commit, the versions, the machine."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

HOME = Path(__file__).resolve().parents[2]
PACKAGES = (
    "torch", "torchvision", "torchmetrics", "lightning", "numpy", "scikit-learn", "torch-fidelity",
)  # fmt: skip


def commit() -> str:
    """The commit of the clone that the zoo runs from, `unknown` outside of one or without git."""
    return git("rev-parse", "--short=12", "HEAD") or "unknown"


def changes() -> list[str]:
    """The files of the clone that are not as they were committed."""
    return [line[3:] for line in git("status", "--porcelain").splitlines()]


def git(*words: str) -> str:
    """What git says of the clone; nothing outside of one, or where it is not installed or fails."""
    if not (HOME / ".git").exists():
        return ""
    try:
        answer = subprocess.run(
            ["git", "-C", str(HOME), *words], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return answer.stdout.rstrip() if answer.returncode == 0 else ""


def versions() -> dict[str, str]:
    """Of Python and of the packages that numbers come from, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def hardware(device: torch.device, count: int = 1) -> str:
    """What trains or measures, so many devices of a kind, in words."""
    if device.type == "cuda":
        return f"{count} x {torch.cuda.get_device_name(device)}"
    cores = count * torch.get_num_threads()
    return f"{cores} CPU core{'s' * (cores > 1)} ({platform.machine()})"
