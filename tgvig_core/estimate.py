"""How long a generation will take on this very device: measured once by one update and one image, kept in the cache folder."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from tgvig_core.generator import GeneratorSettings, generate
from tgvig_core.integrator import IntegratorSettings
from tgvig_core.paths import cache_dir
from tgvig_core.settings import SIZE
from tgvig_core.updates import Update, UpdateSettings
from tgvig_core.vqgan import Vqgan


@dataclass(frozen=True)
class Speed:
    """Seconds of one gradient step of an update, seconds of one generated image, peak memory of a step in GB."""

    step: float
    image: float
    gigabytes: float

    def seconds(self, generating: GeneratorSettings, integrating: IntegratorSettings) -> float:
        """Seconds of all iterations."""
        return integrating.iterations * (integrating.update.steps * self.step + generating.images * self.image)


def known_speed(pack: str, device: str) -> Speed | None:
    """What was measured on this machine before, None where nothing was."""
    try:
        return Speed(**json.loads(_file(pack, device).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def measure_speed(pack: str, model: Vqgan, device: str) -> Speed:
    """One update on a grey picture, one set of four images. The model is changed by it: give one to throw away."""
    normals = torch.zeros(1, 3, SIZE, SIZE, device=device)
    generator = torch.Generator().manual_seed(0)
    update = Update(model, normals, GeneratorSettings(), UpdateSettings(steps=1))
    if device == "cuda":
        update.run(generator, "Measuring this device")  # the first step there also loads its libraries
        torch.cuda.reset_peak_memory_stats()
    step = _seconds(lambda: update.run(generator, "Measuring this device"), device)
    model.eval()
    four = GeneratorSettings(images=4, views=2)
    image = _seconds(lambda: generate(model, normals, four, generator), device) / 4
    speed = Speed(round(step, 4), round(image, 4), round(_peak(device), 2))
    _file(pack, device).parent.mkdir(parents=True, exist_ok=True)
    part = _file(pack, device).with_suffix(".part")
    part.write_text(json.dumps(asdict(speed)))
    os.replace(part, _file(pack, device))
    return speed


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


def _peak(device: str) -> float:
    """GB: of the GPU's memory, else of this process since it began."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if platform.system() == "Darwin" else 1e6)  # bytes there, kilobytes on Linux
