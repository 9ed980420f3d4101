"""Imported before ONNX Runtime or OpenVINO: both tell their makers about the machine, and nothing leaves this one.

ONNX Runtime queues facts under ~/.cache/Microsoft and looks its maker's server up; OpenVINO's converter does so through
the package openvino_telemetry, without which it works as well.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # an import of it then fails
