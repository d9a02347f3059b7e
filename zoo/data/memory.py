"""The memory that data may take."""

import os
from pathlib import Path

from zoo.errors import BadRecipe


def check_memory(what: str, needed: int, remedy: str) -> None:
    """Raise BadRecipe unless `needed` bytes of `what`, several things, fit into the free memory."""
    available = available_memory()
    if needed > available:
        raise BadRecipe(
            f"{what} must fit into {available / 1e9:.1f} GB of free memory, got "
            f"{needed / 1e9:.1f} GB. {remedy}"
        )


def available_memory() -> int:
    """Bytes of free memory; those of all memory, or 2^40, where the system does not report it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
        return pages * os.sysconf("SC_PAGE_SIZE") if pages else 2**40
