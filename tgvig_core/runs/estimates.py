"""How long a generation will take on this very device: measured once by one update and some images, kept in the cache folder."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.packs import registry
from tgvig_core.packs.registry import Pack
from tgvig_core.runs.settings import SIZE
from tgvig_core.utils import strict_json
from tgvig_core.utils.folders import cache_dir, keep
from tgvig_core.utils.memory import peak_gb


@dataclass(frozen=True)
class Speed:
    """Seconds of one gradient step of an update, of one encoded view and of one generated image; peak memory in GB.

    The peak is None where the system does not tell it.
    """

    step: float
    view: float
    image: float
    gigabytes: float | None

    def of_iteration(self, generating: GeneratorSettings, photos: int, update: UpdateSettings | None = None) -> float:
        """Seconds of one iteration; its set looks at the views of each photo that it draws from.

        Args:
            update: how it learns; None for the usual way.
        """
        views = min(photos, generating.images) * generating.views
        learning = (update or UpdateSettings()).steps * self.step
        return learning + views * self.view + generating.images * self.image


VIEWS, LEAST = 2, 1e-4
"""Views of the picture while it is measured; no part takes less than so many seconds, whatever the clock says."""
ROUGH = {
    ("embedded", "cpu"): Speed(3, 0.2, 0.2, 2.5),
    ("embedded", "cuda"): Speed(0.1, 0.01, 0.01, 2),
    ("paper", "cpu"): Speed(150, 8, 11, 8),
    ("paper", "cuda"): Speed(0.5, 0.05, 0.05, 8),
}
"""Guesses for two CPU cores and for a usual GPU, until this machine is measured. The f16 generator's 11 s an image are the
one figure of `paper` that was measured, the others are scaled from it."""


def rough_speed(pack: str, device: str) -> Speed:
    """A guess. `strong` has the generator of `paper` with more codes."""
    return ROUGH["embedded" if pack == "embedded" else "paper", device]


def known_speed(pack: str, device: str) -> Speed | None:
    """What was measured on this machine before, None where nothing was (or by another version)."""
    try:
        return Speed(**strict_json.loads(_file(pack, device).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def measure_speed(pack: Pack, network: nn.Module, device: str) -> Speed:
    """One update on a grey picture, then five images and one. The network is changed by it: give one to throw away."""
    normals, rng = torch.zeros(1, 3, SIZE, SIZE, device=device), torch.Generator().manual_seed(0)
    made = registry.generator_of(pack, network, GeneratorSettings(views=VIEWS), UpdateSettings(steps=1))
    if device == "cuda":
        made.adapt(normals, rng)  # the first step there also loads its libraries
        torch.cuda.reset_peak_memory_stats()
    step = _seconds(lambda: made.adapt(normals, rng), device)
    five, one = (_seconds(partial(made.sample, normals, count, rng), device) for count in (5, 1))
    image = max((five - one) / 4, LEAST)
    view = max((one - image) / VIEWS, LEAST)
    peak = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else peak_gb()
    speed = Speed(round(step, 4), round(view, 4), round(image, 4), round(peak, 2))
    keep(_file(pack.name, device), strict_json.dumps(asdict(speed)).encode())
    return speed


def _file(pack: str, device: str) -> Path:
    name = (
        torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}-{torch.get_num_threads()}-threads"
    )
    return cache_dir() / "speed" / f"{pack}-{name.replace(' ', '-')}.json"


def _seconds(work: Callable[[], object], device: str) -> float:
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
