"""What is here and what is missing: device, packs, WordNet, versions, and the one command that brings what lacks.

It also runs where only bundles are inspected, without torch.
"""

from __future__ import annotations

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from tgvig_core.packs import registry
from tgvig_core.packs.files import package_version
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import ASSETS, cache_dir

LIBRARIES = ("torch", "torchvision", "anomalib", "timm", "open_clip_torch", "taming-transformers-rom1504", "nltk",
             "transformers", "pillow")  # fmt: skip


RUNTIMES = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
"""What runs each format of a bundle."""
INSTALL = "make setup" if (ASSETS.parent / "Makefile").is_file() else 'pip install "tgvig[train]"'
"""What brings the libraries: in a checkout, and elsewhere."""


def examine(models_dir: Path | None = None) -> dict:
    """All findings as plain values. `ready` is True where the embedded pack can run; `inspects` names the formats of bundles
    that can be inspected here."""
    libraries = {name: package_version(name) for name in LIBRARIES}
    found = {
        "python": platform.python_version(), "libraries": libraries, "cache": str(cache_dir()),
        "free_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
        "inspects": [name for name, library in RUNTIMES.items() if find_spec(library)], "install": INSTALL,
    }  # fmt: skip
    if not all(libraries.values()):
        device = {"name": "cpu", "cores": len(os.sched_getaffinity(0))}
        return found | {"device": device, "corpora": {}, "packs": {}, "auto": None, "ready": False}
    corpora = {"wordnet": _corpus("ensure_wordnet"), "words": _corpus("ensure_words")}
    packs = {name: _pack(pack, models_dir) for name, pack in registry.PACKS.items()}
    ready = corpora["wordnet"]["here"] and all(file["here"] for file in packs["embedded"]["files"])
    chosen, reason = registry.choose("auto", models_dir)
    auto = {"pack": chosen.name, "reason": reason}
    return found | {"device": _device(), "corpora": corpora, "packs": packs, "auto": auto, "ready": ready}


def _device() -> dict:
    import torch

    cores = len(os.sched_getaffinity(0))
    if not torch.cuda.is_available():
        return {"name": "cpu", "cores": cores, "threads": torch.get_num_threads()}
    about = torch.cuda.get_device_properties(0)
    return {"name": "cuda", "gpu": about.name, "memory_gb": round(about.total_memory / 1e9, 1), "cores": cores}


def _corpus(ensure: str) -> dict:
    from tgvig_core.prompting import wordnet

    try:
        return {"here": True, "where": str(getattr(wordnet, ensure)())}
    except TgvigError as error:
        return {"here": False, "remedy": str(error)}


def _pack(pack: registry.Pack, models_dir: Path | None) -> dict:
    rows = []
    for file in pack.files:
        row = {
            "name": file.name,
            "what": file.what,
            "source": file.source,
            "licence": file.licence,
            "megabytes": file.megabytes,
        }
        try:
            rows.append(row | {"here": registry.is_here(pack, file, models_dir)})
        except TgvigError as error:
            rows.append(row | {"here": False, "problem": str(error)})
    return {"title": pack.title, "files": rows}
