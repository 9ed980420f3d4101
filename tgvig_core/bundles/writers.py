"""ONNX and OpenVINO files of a detector that can leave as a graph (torch.onnx.export; openvino.convert_model)."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from tgvig_core.detectors.abilities import Exportable
from tgvig_core.utils import no_telemetry  # noqa: F401  # before either library

OPSET = 18


def write_onnx(detector: Exportable, target: Path) -> None:
    """images N×3×S×S float32 in [0, 1] → scores N, maps N×S×S; any N. One file, weights inside."""
    import torch

    from tgvig_core.detectors.abilities import Exportable

    assert isinstance(detector, Exportable)  # the export has refused others
    graph = detector.graph().eval()
    images = torch.zeros(2, 3, detector.size, detector.size)
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter, about itself
            program = torch.onnx.export(
                graph, (images,), dynamo=True, verbose=False, opset_version=OPSET, input_names=["images"],
                output_names=["scores", "maps"], dynamic_shapes={"images": {0: torch.export.Dim("photos", min=1, max=64)}},
            )  # fmt: skip
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
    assert program is not None  # so it is with dynamo=True
    program.save(target, external_data=False)


def write_openvino(onnx: Path, target: Path) -> None:
    """target and, beside it, the weights in a file that ends with .bin; in 32 bits."""
    import openvino

    openvino.save_model(openvino.convert_model(onnx), target, compress_to_fp16=False)
