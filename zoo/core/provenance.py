"""Provenance of results: commit, versions and hardware."""

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
    """The commit of the clone that runs, 12 digits; `unknown` outside of a clone or without git."""
    return git("rev-parse", "--short=12", "HEAD") or "unknown"


def changes() -> list[str]:
    """The files of the clone with uncommitted changes."""
    return [line[3:] for line in git("status", "--porcelain").splitlines()]


def git(*arguments: str) -> str:
    """The output of a git command in the clone; empty outside of a clone and where it fails."""
    if not (HOME / ".git").exists():
        return ""
    try:
        result = subprocess.run(
            ["git", "-C", str(HOME), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return result.stdout.rstrip() if result.returncode == 0 else ""


def versions() -> dict[str, str]:
    """The versions of Python and of the installed packages that metrics depend on."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def hardware(device: torch.device, count: int = 1) -> str:
    """The hardware of `count` devices as text: `2 x NVIDIA H200`, or `4 CPU cores (x86_64)`."""
    if device.type == "cuda":
        return f"{count} x {torch.cuda.get_device_name(device)}"
    cores = count * torch.get_num_threads()
    return f"{cores} CPU core{'s' * (cores > 1)} ({platform.machine()})"
