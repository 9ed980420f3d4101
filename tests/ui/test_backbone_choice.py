"""The detector of step 4 looks with the backbone that a person chose, whichever models made the images."""

import shutil

import pytest
import timm
import torch
from photos import normals
from safetensors.torch import save_file

from tgvig_core.packs import files
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.job import Watch
from tgvig_ui.jobs.service import Options, Service
from tgvig_ui.jobs.tasks import Jobs
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import Store


@pytest.fixture
def service(tmp_path) -> Service:
    """The embedded models, and a folder of model files brought by hand."""
    (tmp_path / "models").mkdir()
    return Service(Options("embedded", tmp_path / "models", "cpu"))


@pytest.fixture
def part(tmp_path, service) -> Part:
    """A bottle with one generated set, which is a copy of the photo."""
    part = Store(tmp_path / "parts").new()
    part.add_photos(normals("bottle", 1))
    part.choose(object_name="bottle", prompt="a bottle with neck")
    number = service.begin(part, "a bottle with neck", 1, 1, 0, True, True)
    run, _ = Run.open(part.generation(number))
    (run.folder / "sets" / "001").mkdir(parents=True)
    shutil.copy(part.photos()[0], run.folder / "sets" / "001" / "000.png")
    run.journal("iteration", number=1, similarity=0.3)
    part.choose(chosen_set=1)
    return part


def train(service: Service, part: Part, backbone: str) -> dict | None:
    """The card of a detector, as the page asks for it."""
    asked = {"generation": 1, "set": 1, "left_out": [], "arm": "real", "false_alarm": 0.05, "backbone": backbone}
    Jobs(service).train(part.folder, asked, Watch())
    return Run(part.generation(1)).read_json("model/model.json")


def test_the_detector_takes_the_backbone_that_was_chosen(service, part, tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "models" / "resnet18.tv_in1k.safetensors"
    save_file(timm.create_model("resnet18", pretrained=False).state_dict(), file)
    assert train(service, part, "paper")["backbone"] == "resnet18.tv_in1k"
    assert train(service, part, "")["backbone"] == "efficientnet_lite0"


def test_a_backbone_that_cannot_be_had_is_named_and_the_former_detector_stays(service, part, monkeypatch):
    assert train(service, part, "embedded")["backbone"] == "efficientnet_lite0"
    monkeypatch.setattr(files, "hub_answers", lambda: False)
    with pytest.raises(TgvigError, match=r"dinov2.*models folder"):
        train(service, part, "strong")
    assert Run(part.generation(1)).read_json("model/model.json")["backbone"] == "efficientnet_lite0"
