"""How long a generation will take on this very device: measured once by one update and one image, kept in the cache folder."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from tgvig_core.generation.fine_tuning import Update
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.runs.settings import SIZE
from tgvig_core.utils import strict_json
from tgvig_core.utils.folders import cache_dir, keep
from tgvig_core.utils.memory_in_use import peak_gb


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


def measure_speed(pack: str, model: Vqgan, device: str) -> Speed:
    """One update on a grey picture, four views, four images. The model is changed by it: give one to throw away."""
    normals = torch.zeros(1, 3, SIZE, SIZE, device=device)
    generator = torch.Generator().manual_seed(0)
    update = Update(model, GeneratorSettings(), UpdateSettings(steps=1))
    if device == "cuda":
        update.run(normals, generator)  # the first step there also loads its libraries
        torch.cuda.reset_peak_memory_stats()
    step = _seconds(lambda: update.run(normals, generator), device)
    view, image = _view_and_image(model.eval(), normals, device)
    peak = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else peak_gb()
    speed = Speed(round(step, 4), round(view, 4), round(image, 4), None if peak is None else round(peak, 2))
    keep(_file(pack, device), strict_json.dumps(asdict(speed)).encode())
    return speed


@torch.inference_mode()
def _view_and_image(model: Vqgan, normals: Tensor, device: str) -> tuple[float, float]:
    """Seconds of each, from four at once in the layout that `generate` uses."""
    four = normals.expand(4, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    latents = model.quantise(model.encode(four))[0].contiguous(memory_format=torch.channels_last)
    view = _seconds(lambda: model.quantise(model.encode(four)), device) / 4
    return view, _seconds(lambda: model.decode(latents), device) / 4


def _file(pack: str, device: str) -> Path:
    name = (
        torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}-{torch.get_num_threads()}-threads"
    )
    return cache_dir() / "speed" / f"{pack}-{name.replace(' ', '-')}.json"


def _seconds(work, device: str) -> float:
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
