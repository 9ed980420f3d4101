"""Where torch computes: by name, "auto" for the GPU where there is one. torch itself is imported only when this is asked."""

from __future__ import annotations

from tgvig_core.utils.errors import TgvigError

DEVICES = ("auto", "cpu", "cuda")


def device_of(name: str) -> str:
    """ "auto" is a CUDA GPU where there is one, else the CPU.

    Raises:
        TgvigError: the device is unknown or not there.
    """
    import torch

    if name not in DEVICES:
        raise TgvigError(f"There is no device {name!r}: give auto, cpu or cuda.", setting="device")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise TgvigError("There is no CUDA GPU that torch can use here: compute on the cpu.", setting="device")
    return name
