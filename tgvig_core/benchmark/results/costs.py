"""Seconds and peak memory of every step of a cell. On Linux the kernel's high-water mark is set back first (proc(5))."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Costs:
    """What the steps of one cell took.

    Attributes:
        steps: {"seconds": …, "peak_mb": …, "gpu_mb": …} by step, in order. peak_mb is the most that the process held during
            the step (all of it, with the libraries), None off Linux; gpu_mb what torch held on the GPU, None without one.
    """

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float | None]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Around a step; one in several goes adds up."""
        _forget()
        start = time.perf_counter()
        try:
            yield
        finally:
            took = {"seconds": time.perf_counter() - start, "peak_mb": _peak(), "gpu_mb": _gpu_peak()}
            self.take(name, took)

    def take(self, name: str, took: dict[str, float | None]) -> None:
        """Add a step that was measured elsewhere, such as the making of a set that several arms share."""
        before = self.steps.get(name, {"seconds": 0.0, "peak_mb": None, "gpu_mb": None})
        peaks = {unit: max(filter(None, (before[unit], took[unit])), default=None) for unit in ("peak_mb", "gpu_mb")}
        self.steps[name] = {"seconds": round(before["seconds"] + took["seconds"], 3), **peaks}

    @property
    def seconds(self) -> float:
        """Of all steps together."""
        return round(sum(step["seconds"] for step in self.steps.values()), 3)

    @property
    def peak_mb(self) -> float | None:
        """The most of all steps."""
        return max(filter(None, (step["peak_mb"] for step in self.steps.values())), default=None)


def _forget() -> None:
    if FORGET.exists():
        FORGET.write_text("5")
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak() -> float | None:
    if not STATUS.exists():
        return None
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1000, 1)


def _gpu_peak() -> float | None:
    return round(torch.cuda.max_memory_allocated() / 1e6, 1) if torch.cuda.is_available() else None
