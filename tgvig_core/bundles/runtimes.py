"""Exported models in their runtimes (ONNX Runtime, OpenVINO) or torch, behind inspection.Scorer. Each is loaded when it is used.

An exported graph takes N×3×S×S float32 RGB in [0, 1] and gives N raw scores and N×S×S raw maps.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

import numpy as np

from tgvig_core.bundles.bundle import Bundle
from tgvig_core.bundles.manifest import MODELS
from tgvig_core.inspection.inspector import TOGETHER, Inspector, Scorer
from tgvig_core.utils import no_telemetry  # noqa: F401  # before either runtime
from tgvig_core.utils.errors import TgvigError

ORDER = {"openvino": "openvino", "onnx": "onnxruntime", "torch": "torch"}
"""Formats, fastest first on a CPU, and the library that each needs."""


def load_inspector(bundle: Bundle, format: str = "auto", device: str = "auto", threads: int | None = None) -> Inspector:
    """A bundle's detector, ready to inspect.

    Args:
        format: openvino, onnx or torch; auto takes the first of them that the bundle holds and whose library is here.
        device: auto, cpu or cuda; only torch has a choice.
        threads: of the computation; None takes all cores.

    Raises:
        TgvigError: the bundle lacks the format, its library is missing, or a file was changed.
    """
    return Inspector(_scorer(bundle, _format(bundle, format), device, threads), bundle.limits)


def _format(bundle: Bundle, wanted: str) -> str:
    if wanted != "auto" and wanted not in bundle.formats:
        raise TgvigError(f"{bundle.path} holds no format {wanted!r}: it has {', '.join(bundle.formats)}, or give auto.")
    asked = [name for name in ORDER if name in bundle.formats and wanted in ("auto", name)]
    for name in asked:
        if find_spec(ORDER[name]):
            return name
    libraries = " or ".join(f"pip install {ORDER[name]}" for name in asked)
    raise TgvigError(f"No library for the formats of {bundle.path} ({', '.join(asked)}) is installed: {libraries}.")


def _scorer(bundle: Bundle, format: str, device: str, threads: int | None) -> Scorer:
    if format == "torch":
        from tgvig_core.detectors.base import read_detector
        from tgvig_core.utils.device import device_of

        return read_detector(lambda name: bundle.read(f"torch/{name}"), str(bundle.path), device_of(device))
    if device not in ("auto", "cpu"):
        raise TgvigError(
            f"The format {format} runs on the CPU here, not on {device!r}: take the CPU, or torch's format.",
            setting="device",
        )
    files = [bundle.read(name) for name in MODELS[format]]
    kind = {"onnx": OnnxScorer, "openvino": OpenvinoScorer}[format]
    try:
        return kind(*files, bundle.size, threads or _cores())
    except Exception as error:  # each runtime has errors of its own for a model that it cannot load
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise TgvigError(
            f"The {format} model in {bundle.path} cannot be loaded ({reason}): export it again."
        ) from error


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def framed(squares: np.ndarray) -> np.ndarray:
    """N×S×S×3 uint8 to what an exported graph takes."""
    return np.ascontiguousarray(squares.transpose(0, 3, 1, 2), dtype=np.float32) / 255


def _parts(squares: np.ndarray) -> list[np.ndarray]:
    """A few photos each: their distances to the whole bank are held at once."""
    return [squares[start : start + TOGETHER] for start in range(0, len(squares), TOGETHER)]


def _joined(results: Iterable[Sequence[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    scores, maps = zip(*results, strict=True)
    return np.concatenate(scores), np.concatenate(maps)


class OnnxScorer:
    """ONNX Runtime on the CPU."""

    def __init__(self, model: bytes, size: int, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.size, self.session = size, onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def look(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Scorer."""
        return _joined(self.session.run(["scores", "maps"], {"images": framed(part)}) for part in _parts(squares))


class OpenvinoScorer:
    """OpenVINO on the CPU, in 32 bits: its default of 16 on newer processors would change the scores."""

    def __init__(self, model: bytes, weights: bytes, size: int, threads: int) -> None:
        import openvino

        core = openvino.Core()
        options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        self.size, self.weights = size, weights  # the runtime does not copy them
        network = core.read_model(model=model, weights=weights)
        self.compiled = core.compile_model(network, "CPU", options)

    def look(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Scorer."""
        found = (self.compiled(framed(part)) for part in _parts(squares))
        return _joined((one["scores"].copy(), one["maps"].copy()) for one in found)
