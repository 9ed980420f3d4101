"""A detector in one file of another distribution: in the command line, the page, the benchmark, a run, and a bundle."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
TOY = ROOT / "tests/helpers/toy_detector.py"
LISTS = """
import sys
from tgvig_core.detectors.registry import detector
from tgvig_core.benchmark.detectors.catalogue import detectors
assert "toy" in detector.names() and "toy" in detectors(), detector.names()
assert detector.title("toy").startswith("Mean image") and "torch" not in sys.modules
from tgvig_ui.steps.train.view import DETECTORS
assert any("toy" in pair for pair in DETECTORS.items()), DETECTORS
from tgvig_core.benchmark.detectors.catalogue import build
assert type(build("toy", None, 64)).__name__ == "MeanImage"
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    """What `pip install` of such a distribution would leave: its one file, and its entry point."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(TOY, folder)
    about = folder / "toy_detector-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-detector\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tgvig.plugins]\ntoy = toy_detector\n")
    return folder


def run(*command: str, plugin: Path | None, check: bool = True) -> subprocess.CompletedProcess:
    paths = os.pathsep.join(str(path) for path in (ROOT, plugin) if path)
    environment = os.environ | {"PYTHONPATH": paths, "COLUMNS": "200"}
    ended = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    assert not check or ended.returncode in (0, 1), ended.stderr
    return ended


def tgvig(*arguments: str | Path, plugin: Path | None, check: bool = True) -> subprocess.CompletedProcess:
    return run("-m", "tgvig_core", *map(str, arguments), plugin=plugin, check=check)


def test_it_is_listed_wherever_detectors_are_chosen(plugin):
    run("-c", LISTS, plugin=plugin)
    assert "toy: Mean image" in " ".join(tgvig("run", "--help", plugin=plugin).stdout.replace("│", " ").split())


def test_it_learns_in_a_run_and_leaves_in_a_bundle_that_inspects(plugin, tmp_path):
    draws = np.random.default_rng(0)
    for name in ("a", "b"):
        noise = draws.integers(100, 140, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((64, 64)).save(tmp_path / f"{name}.png")
    Image.new("RGB", (64, 64), (255, 0, 0)).save(tmp_path / "red.png")
    good = tmp_path / "a.png", tmp_path / "b.png"
    tgvig(
        "run", *good, "--object", "nut", "--prompt", "a photo of a nut", "--images", "2", "--iterations", "1", "--steps", "1",
        "--pack", "embedded", "--detector", "toy", "--quiet", "--out", tmp_path / "run", plugin=plugin,
    )  # fmt: skip
    card = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert (card["detector"], card["backbone"], card["gate"]["images"][0]["image"]) == ("toy", None, 0)
    refused = tgvig("export", tmp_path / "run", "--out", tmp_path / "a", "--format", "onnx", plugin=plugin, check=False)
    assert refused.returncode == 2 and "The detector toy has no onnx form" in refused.stderr
    assert not (tmp_path / "a").exists()
    bundle = tmp_path / "toy.zip"
    said = tgvig("export", tmp_path / "run", "--out", bundle, plugin=plugin).stdout
    assert "The detector toy has no onnx or openvino form, only torch's own." in said
    seen = tgvig("inspect", bundle, tmp_path / "red.png", "--out", tmp_path / "seen", "--json", plugin=plugin)
    assert seen.returncode == 1 and json.loads(seen.stdout)["images"][0]["is_anomalous"] is True
    alone = tgvig("inspect", bundle, tmp_path / "red.png", "--out", tmp_path / "none", plugin=None, check=False)
    assert alone.returncode == 2 and "no detector 'toy'" in alone.stderr and alone.stderr.count("\n") == 1
