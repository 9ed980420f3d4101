"""How much memory this process and its GPU hold, as far as the system tells it."""

from __future__ import annotations

import os
import sys
from typing import Any


def held() -> str:
    """The memory held now, in words; empty where the system does not tell it (Windows)."""
    own, gpu = _process_gb(), _gpu_gb()
    said = [f"{own:.1f} GB of memory"] if own is not None else []
    return " · ".join(said + ([f"{gpu:.1f} GB of the GPU's"] if gpu is not None else []))


def peak_gb() -> float | None:
    """The most that this process has held since it began."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)  # bytes there, kilobytes on Linux


def _process_gb() -> float | None:
    """Without Linux's /proc only the peak is told."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9
    except OSError:
        return peak_gb()


def _gpu_gb() -> float | None:
    """None while CUDA is not in use. Looking must neither load torch nor start CUDA."""
    cuda: Any = getattr(sys.modules.get("torch"), "cuda", None)
    if not hasattr(cuda, "memory_allocated") or not cuda.is_initialized():  # torch may be loading in another thread
        return None
    return cuda.memory_allocated() / 1e9
