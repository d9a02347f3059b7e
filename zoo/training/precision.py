"""The precisions that a device supports at full speed."""

import os
import re
import warnings
from pathlib import Path

import torch

from zoo.errors import BadRecipe

AUTO = "auto"
NATIVE = {"avx512_bf16", "amx_bf16", "bf16"}  # flags of CPUs that compute in bfloat16
ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")  # upper limits for oneDNN


def device_of(accelerator: str) -> str:
    """The device type, cpu, cuda or mps, of a Trainer's accelerator on this machine."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "cuda"
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def resolve_precision(precision: str, device: str) -> str:
    """`auto` as bf16-mixed where the device type has native bfloat16, else as 32-true; other
    precisions unchanged."""
    if precision != AUTO:
        return precision
    if device == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device == "cpu" and native_bfloat16() is True
    return "bf16-mixed" if native else "32-true"


def check_precision(precision: str, device: str) -> None:
    """Raise BadRecipe for a precision that the device type does not support; warn where it is
    emulated."""
    if precision in ("16", "16-mixed", "16-true") and device == "cpu":
        raise BadRecipe(
            f"precision must be auto, bf16-mixed or 32-true on a CPU, got {precision}. Set "
            "--trainer.precision auto"
        )
    if not precision.startswith("bf16"):
        return
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise BadRecipe(
            f"precision must be auto, 16-mixed or 32-true on {torch.cuda.get_device_name()}, got "
            f"{precision}. Set --trainer.precision auto"
        )
    if device == "cpu" and native_bfloat16() is False:
        warnings.warn(
            f"precision {precision} is emulated on this CPU, up to 30 times slower than 32-true. "
            "Set --trainer.precision auto or 32-true",
            stacklevel=2,
        )


def native_bfloat16() -> bool | None:
    """Whether the CPU has native bfloat16 within the instruction sets that the environment allows
    PyTorch and oneDNN; None where the system does not list its flags."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    flags = {f for line in lines if line.startswith(("flags", "Features")) for f in line.split()}
    if not flags:
        return None
    limits = [os.environ.get(name, "ALL").upper() for name in ISA_LIMITS]
    if not all(re.search("ALL|DEFAULT|BF16|FP16|AMX|AVX10", limit) for limit in limits):
        return False
    if "avx2" in flags and "AVX512" not in torch.backends.cpu.get_cpu_capability():
        return False
    return bool(flags & NATIVE)
