"""Seconds and peak memory of every step of a cell. On Linux the kernel's high-water mark is set back first (proc(5))."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class StepCost(BaseModel):
    """What one step took.

    Attributes:
        seconds: of the clock on the wall.
        peak_mb: the most that the process held during the step (all of it, with the libraries), None off Linux.
        gpu_mb: what torch held on the GPU, None without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seconds: float
    peak_mb: float | None = None
    gpu_mb: float | None = None

    def __add__(self, other: StepCost) -> StepCost:
        """One step in two goes."""
        peaks = ((self.peak_mb, other.peak_mb), (self.gpu_mb, other.gpu_mb))
        peak, gpu = (max((one for one in pair if one is not None), default=None) for pair in peaks)
        return StepCost(seconds=round(self.seconds + other.seconds, 3), peak_mb=peak, gpu_mb=gpu)


class Costs:
    """What the steps of one cell took.

    Attributes:
        steps: by name, in order.
    """

    def __init__(self) -> None:
        self.steps: dict[str, StepCost] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Around a step; one in several goes adds up."""
        _forget()
        start = time.perf_counter()
        try:
            yield
        finally:
            self.take(name, StepCost(seconds=time.perf_counter() - start, peak_mb=_peak(), gpu_mb=_gpu_peak()))

    def take(self, name: str, took: StepCost) -> None:
        """Add a step that was measured elsewhere, such as the making of a set that several arms share."""
        self.steps[name] = self.steps.get(name, StepCost(seconds=0.0)) + took

    @property
    def seconds(self) -> float:
        """Of all steps together."""
        return round(sum(step.seconds for step in self.steps.values()), 3)

    @property
    def peak_mb(self) -> float | None:
        """The most of all steps."""
        return max((step.peak_mb for step in self.steps.values() if step.peak_mb is not None), default=None)


def _forget() -> None:
    if FORGET.exists():
        FORGET.write_text("5")
    import torch  # here: rows are read where nothing is measured

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak() -> float | None:
    if not STATUS.exists():
        return None
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1000, 1)


def _gpu_peak() -> float | None:
    import torch

    return round(torch.cuda.max_memory_allocated() / 1e6, 1) if torch.cuda.is_available() else None
