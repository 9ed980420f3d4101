"""What is here and what is missing: device, packs, WordNet, versions, and the one command that brings what lacks."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

from tgvig_core.packs import registry
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import cache_dir

LIBRARIES = ("torch", "torchvision", "anomalib", "timm", "open_clip_torch", "taming-transformers-rom1504", "nltk",
             "transformers", "pillow")  # fmt: skip


def examine(models_dir: Path | None = None) -> dict:
    """All findings as plain values. `ready` is True where the embedded pack can run."""
    libraries = {name: _version(name) for name in LIBRARIES}
    corpora = {"wordnet": _corpus("ensure_wordnet"), "words": _corpus("ensure_words")}
    found = {name: _pack(pack, models_dir) for name, pack in registry.PACKS.items()}
    ready = (
        all(libraries.values()) and corpora["wordnet"]["here"] and all(f["here"] for f in found["embedded"]["files"])
    )
    chosen, reason = registry.choose("auto", models_dir)
    return {
        "python": platform.python_version(), "device": _device(), "libraries": libraries, "corpora": corpora,
        "packs": found, "auto": {"pack": chosen.name, "reason": reason}, "cache": str(cache_dir()),
        "free_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1), "ready": ready,
    }  # fmt: skip


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


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
            rows.append(row | {"here": _is_here(pack, file, models_dir)})
        except TgvigError as error:
            rows.append(row | {"here": False, "problem": str(error)})
    return {"title": pack.title, "files": rows}


def _is_here(pack: registry.Pack, file: registry.PackFile, models_dir: Path | None) -> bool:
    if file.source.startswith("package "):
        return _version(file.source.removeprefix("package ")) is not None
    if file is pack.clip_file and pack.clip:
        from tgvig_core.models.encoders.clip_weights import cached_weights

        return bool(registry.local_file(file, models_dir) or cached_weights(*pack.clip))
    return registry.local_file(file, models_dir) is not None
