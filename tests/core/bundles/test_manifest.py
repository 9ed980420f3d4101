"""bundle.json as a typed value: what it keeps, what it refuses; no detector and no torch is needed."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
from paths import ROOT
from pydantic import ValidationError

from tgvig_core.bundles.manifest import FORMATS, MODELS, Manifest
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import TgvigError

pytestmark = pytest.mark.quick

PLACE = Path("nut.zip")
WHOLE = {
    "format": 1, "kind": "tgvig bundle", "created": "2026-07-30T12:00:00+0000", "version": "0.1.0", "object": None,
    "device": "cpu",
    "detector": {"name": "patchcore", "backbone": "b", "layers": ["one", "two"], "size": 256, "bank": 1000,
                 "settings": {"neighbours": 9, "seen": None}},
    "input": {"range": [0, 1], "shape": ["N", 3, 256, 256]}, "outputs": {"scores": ["N"]},
    "limits": {"threshold": 51.25, "pixel_threshold": 48.5, "typical": 40.5, "steepness": 12.5, "false_alarm": None,
               "low": None, "high": None, "photos": 2, "words": "Not sure."},
    "meaning": "Larger is stranger.", "models": {"torch": "torch/model.json", "onnx": "onnx/model.onnx"},
    "arm": "tgvig", "prompt": "a nut", "sense": None, "best_iteration": 2, "command": "tgvig run a.png",
    "by_hand": ["Looked at."], "licences": [{"what": "w", "licence": "l", "source": "s"}],
    "normals": [{"name": "a.png", "sha256": "0", "file": "normals/000.png"}, {"name": "b.png", "sha256": "1"}],
    "versions": {"torch": "2.9"}, "agreement": {"onnx": {"score": 1e-6, "map": 2e-6, "photos": 6}},
    "files": {name: {"sha256": "0", "bytes": 1} for format in ("torch", "onnx") for name in MODELS[format]},
}  # fmt: skip
"""As this version writes it."""


def changed(*keys: str, value: object) -> dict:
    found = deepcopy(WHOLE)
    inside = found
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = value
    return found


def test_what_was_read_is_written_as_it_was() -> None:
    found = Manifest.from_json(WHOLE, PLACE)
    assert strict_json.dumps(found.as_json()) == strict_json.dumps(WHOLE)  # the order, too
    assert found.formats == FORMATS[:2] and found.limits.for_verdicts.threshold == 51.25
    with pytest.raises(ValidationError, match="frozen"):
        found.object = "bolt"
    with pytest.raises(ValidationError, match="frozen"):
        found.limits.threshold = 1.0


def test_what_verdicts_do_not_need_may_be_missing_and_is_not_made_up() -> None:
    needed = {name for name, field in Manifest.model_fields.items() if field.is_required()}
    assert needed == {"object", "created", "version", "meaning", "detector", "agreement", "versions", "limits", "models",
                      "files"}  # fmt: skip
    little = {key: value for key, value in WHOLE.items() if key in (*needed, "kind", "format")}
    found = Manifest.from_json(little | {"of": "a later version"}, PLACE)
    assert strict_json.dumps(found.as_json()) == strict_json.dumps(little)
    for key in needed:
        with pytest.raises(TgvigError, match=f"nut.zip lacks {key}: Field required: export"):
            Manifest.from_json({name: value for name, value in little.items() if name != key}, PLACE)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        *((("limits", name), value) for name in ("threshold", "pixel_threshold", "steepness")
          for value in (float("nan"), float("inf"), 0, -1.0, 10**400, "51.25", True, None, [])),
        *((("detector", "size"), value) for value in (0, -256, 4097, 256.0, "256", True, None)),
        *((("files", "onnx/model.onnx", "bytes"), value) for value in (-2, 1.0, "1", True, None)),
        (("files", "onnx/model.onnx", "sha256"), 0), (("files",), [1]), (("models",), {"onnx": {}}), (("limits", "words"), 1),
        (("by_hand",), "Looked at."), (("agreement",), {"onnx": 1}), (("normals",), [{"name": "a.png"}]),
    ],
)  # fmt: skip
def test_what_is_not_what_it_should_be_is_refused_by_its_name(keys, value) -> None:
    with pytest.raises(
        TgvigError, match=f"^bundle.json in nut.zip lacks {'.'.join(keys)}.*: export the detector again"
    ):
        Manifest.from_json(changed(*keys, value=value), PLACE)


@pytest.mark.parametrize("wrong", [{"format": 2}, {"format": None}, {"kind": "other"}])
def test_another_versions_bundle_is_refused_with_the_version_that_made_it(wrong) -> None:
    with pytest.raises(TgvigError, match="made by tgvig 0.9; this version reads 1: export again"):
        Manifest.from_json(WHOLE | wrong | {"version": "0.9"}, PLACE)


def test_a_bundle_without_a_whole_model_is_refused() -> None:
    for wrong in (
        {"models": {}},
        {"models": {"openvino": "openvino/model.xml"}},
        {"models": {"pickle": "a"}},
        {"files": {}},
    ):
        with pytest.raises(TgvigError, match="no whole model"):
            Manifest.from_json(WHOLE | wrong, PLACE)


def test_neither_reading_nor_wishing_loads_torch() -> None:
    code = "import sys, tgvig_core.bundles.bundle, tgvig_core.bundles.wishes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
