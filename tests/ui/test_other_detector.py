"""A detector of another distribution, without features, reasons or a graph, on its way through the page's jobs."""

import importlib
import shutil
import sys
import zipfile
from types import SimpleNamespace

import pytest
from paths import NUT

from tgvig_core.detectors.registry import detector as detectors
from tgvig_ui.jobs.job import Watch
from tgvig_ui.jobs.service import Options, Service
from tgvig_ui.jobs.tasks import Jobs
from tgvig_ui.parts.results import results
from tgvig_ui.parts.store import Store
from tgvig_ui.parts.trained import check_of, model_card
from tgvig_ui.steps.inspect import closeup
from tgvig_ui.steps.train import words


@pytest.fixture
def toy(monkeypatch):
    """Registered for this test alone."""
    monkeypatch.setattr(detectors, "_made", dict(detectors._made))
    monkeypatch.delitem(sys.modules, "toy_detector", raising=False)
    importlib.import_module("toy_detector")


def test_it_is_trained_inspected_checked_and_taken_home(toy, tmp_path):
    part, service = Store(tmp_path / "parts").new(), Service(Options("embedded", None, "cpu"))
    jobs, watch = Jobs(service), Watch()
    part.add_photos(sorted((NUT / "train" / "good").iterdir())[:2])
    part.choose(object_name="metal nut")
    number = service.begin(part, None, 4, 1, 0, True, True)
    asked = {"set": None, "left_out": [], "arm": "real", "detector": "toy", "false_alarm": 0.05}
    jobs.train(part.folder, {"generation": number} | asked, watch)
    assert words.how(model_card(part)) == "Mean image."
    tests = part.folder / "tests" / "test"
    tests.mkdir(parents=True)
    for place, file in enumerate(sorted((NUT / "test" / "rust").iterdir())[:2]):
        shutil.copy(file, tests / f"{place:05d}_{file.name}")
    jobs.inspect(part.folder, {"generation": number}, watch)
    found = results(part)
    assert len(found.rows) == 2 and all(row.score > 0 for row in found.rows)
    assert closeup._why(SimpleNamespace(service=service), found, found.rows[0]) == []
    jobs.check(part.folder, {"generation": number, "thorough": False}, watch)
    assert check_of(part)["advice"]["recommended"]
    wishes = {"formats": ["torch", "onnx"], "with_normals": False}
    jobs.export(part.folder, {"generation": number} | wishes, watch)
    (bundle,) = part.folder.rglob("*.zip")
    names = zipfile.ZipFile(bundle).namelist()
    assert any(name.endswith("torch/model.json") for name in names) and not any("onnx/" in name for name in names)
