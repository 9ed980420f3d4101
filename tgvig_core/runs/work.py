"""A run as its steps see it: opened once, with its photos and models; what a former process had finished lies on disk."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from tgvig_core.packs import registry
from tgvig_core.photos.images import NormalSet, read_normals
from tgvig_core.runs.settings import SIZE, RunConfig, RunSettings
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.device import device_of
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

LoadModels = Callable[[RunSettings, str, RunContext], registry.Models]
"""The models of some settings on a device ("cpu" or "cuda")."""


@dataclass(frozen=True)
class Work:
    """What the steps of one run share; every step finds on disk what a former process had finished.

    Attributes:
        settings: of the run. run: its folder. models: loaded. device: "cpu" or "cuda".
        normals: the photos of good parts.
        ctx: told how far a step is, and asked whether to stop.
        finish: an event that ends the generation after the running iteration; None where nobody sets it.
    """

    settings: RunSettings
    run: Run
    models: registry.Models
    device: str
    normals: NormalSet
    ctx: RunContext = QUIET
    finish: threading.Event | None = None

    @functools.cached_property
    def images(self) -> Tensor:
        """I°: the normals in the frame, P×3×S×S in [-1, 1], on the device."""
        return self.normals.tensor(SIZE).to(self.device)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Journal the seconds of a step; a step in several goes (resumed) adds up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.run.journal("seconds", step=step, seconds=round(time.perf_counter() - start, 3))

    def seconds(self) -> dict[str, float]:
        """Of each step so far, all goes together."""
        total: dict[str, float] = {}
        for row in self.run.events("seconds"):
            total[row["step"]] = round(total.get(row["step"], 0.0) + row["seconds"], 3)
        return total


def load_models(settings: RunSettings, device: str, ctx: RunContext = QUIET) -> registry.Models:
    """All models of the settings' pack.

    Raises:
        TgvigError: a file is missing, cannot be fetched, or is not what it should be. Stopped: the stop event was set.
    """
    models_dir = models_folder(settings)
    pack, _ = registry.choose(settings.pack, models_dir)
    return registry.load(pack, models_dir, device, ctx)


def models_folder(settings: RunSettings) -> Path | None:
    """The folder of model files brought by hand."""
    return Path(settings.models_dir) if settings.models_dir else None


def hashes(normals: NormalSet) -> tuple[str, ...]:
    """What tells whether the photos are still the same."""
    return tuple(photo.sha256 for photo in normals.photos)


def read_run(folder: Path) -> tuple[Run, RunConfig]:
    """A run on disk and its config.

    Raises:
        TgvigError: there is no run, or its config cannot be read.
    """
    run, config = Run.open(folder)
    return run, RunConfig.from_json(config, folder)


def begin_run(
    folder: Path, settings: RunSettings, normals: NormalSet, pack_reason: str, together: tuple[int, ...] = ()
) -> Run:
    """The folder of a new run, with its config.

    Args:
        settings: with the pack's own name in place of auto. pack_reason: why that pack.

    Raises:
        TgvigError: the folder holds something already, or cannot be written to.
    """
    return Run.create(folder, RunConfig(settings, hashes(normals), pack_reason, together).as_json())


def open_run(
    folder: Path, device: str = "auto", ctx: RunContext = QUIET, *, load: LoadModels = load_models,
    finish: threading.Event | None = None, **changes: Any,
) -> Work:  # fmt: skip
    """A run to go on with, its photos and models loaded.

    Args:
        device: another device than the run began on ("auto" keeps the run's own).
        load: loads the models; the page keeps some between jobs. finish: see Work.
        changes: fields of RunSettings that are asked for otherwise than when it began.

    Raises:
        TgvigError: no run there, or its photos have changed since. Stopped: the stop event was set.
    """
    run, config = read_run(folder)
    settings = replace(config.settings, **changes)
    normals = read_normals(settings.photos)
    if hashes(normals) != config.photos_sha256:
        raise TgvigError(f"The normal photos of {folder} have changed since it began: start a new run.")
    where = device_of(settings.device if device == "auto" else device)
    return Work(settings, run, load(settings, where, ctx), where, normals, ctx, finish)
