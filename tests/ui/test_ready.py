"""The finished example: a whole part, quickly and without torch, with the very figures that its run left."""

import json
import subprocess
import sys

import numpy as np
import pytest
from browser import ROOT
from PIL import Image

from tgvig_core.detectors.base import load_detector
from tgvig_core.inspection.metrics import image_metrics
from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.jobs.server import Server
from tgvig_ui.page import finished_example as example
from tgvig_ui.page.finished_example import HERE, WALK, open_ready, packed_maps, unpacked_maps
from tgvig_ui.parts.generations import set_files, similarity, unfinished, used_set
from tgvig_ui.parts.ranking import ranking
from tgvig_ui.parts.results import heatmap_file, heatmaps_zip, results
from tgvig_ui.parts.store import Store
from tgvig_ui.steps.inspect.events import clear
from tgvig_ui.steps.train import check as checking
from tgvig_ui.steps.train import view as training

SAMPLES = ROOT / "assets" / "samples"
OPENING = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tgvig_ui.page.finished_example import open_ready
from tgvig_ui.parts.store import Store
from tgvig_ui.parts.results import results
server = SimpleNamespace(store=Store(Path(sys.argv[1])), samples=Path(sys.argv[2]))
part = open_ready(server)
print("torch" in sys.modules, len(results(part).rows))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    executor = Executor({})
    yield Server(Store(tmp_path_factory.mktemp("ready") / "parts"), None, executor, SAMPLES, local=True)
    executor.close()


@pytest.fixture(scope="module")
def part(server):
    return open_ready(server)


def test_it_opens_without_what_trains_or_scores(tmp_path):
    command = [sys.executable, "-c", OPENING, str(tmp_path / "parts"), str(SAMPLES)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert said == ["False", "20"]


def test_all_five_steps_are_done(server, part):
    assert len(part.photos()) == 5 and len(part.tests()) == 20
    assert part.choices.object_name == "metal nut" and part.choices.prompt == ranking(part).prompts[0].text
    curve = similarity(part, 1)
    assert [len(set_files(part, 1, k)) for k in range(1, len(curve) + 1)] == [8] * 4
    assert part.choices.chosen_set == used_set(part, 1) == curve.index(max(curve)) + 1
    assert str(training.model_card(part).training_set) == "tgvig" and checking.check_of(part) and not unfinished(part)
    assert "finished example" in server.status(part).message and not server.busy(part)


def test_its_figures_are_those_of_its_scores(part):
    found = results(part)
    kinds = {row.name.split("/")[0] for row in found.rows if row.defective}
    assert kinds == {"chip", "rust", "scratch"} and sum(not row.defective for row in found.rows) == 5
    measured = image_metrics([row.score for row in found.rows], found.labels, found.threshold)
    for name in ("image_auroc", "f1_max", "false_alarm", "miss"):
        assert found.figures[name] == pytest.approx(measured[name])


def test_the_detector_is_made_whole_again_and_gives_the_scores_that_are_shown(part):
    folder = part.generation(1) / "model"
    assert not (folder / "model.safetensors").exists()
    detector = load_detector(folder)  # its checksum is that of the file that was trained
    assert (folder / "model.safetensors").stat().st_size > 10_000_000
    for row in results(part).rows[::7]:
        made = detector.score(to_tensor(to_square(read_photo(row.path).pixels, detector.size))[None])
        assert float(made.scores[0]) == pytest.approx(row.score, rel=1e-3)
        assert np.abs(made.maps[0].numpy() - np.load(row.map).astype(np.float32)).max() < 0.02 * row.score


def test_the_remembered_pictures_are_the_photos_and_the_set_that_was_let_in(part):
    card = training.model_card(part)
    pool = [np.array(Image.open(file)) for file in sorted((part.generation(1) / "pool").iterdir())]
    kept = [one.image for one in card.gate.images if one.kept]
    assert len(pool) == 5 + len(kept)
    files = set_files(part, 1, card.best_iteration)
    for place, image in zip(kept, pool[5:], strict=True):
        assert (image == np.array(Image.open(files[place]))).all()
    assert (pool[0] == to_square(read_photo(part.photos()[0]).pixels, 256)).all()
    places = load_detector(part.generation(1) / "model").places[:, 0]
    assert int(places.max()) < len(pool)


def test_heatmaps_are_drawn_when_they_are_asked_for(part, tmp_path):
    found = results(part)
    worst = found.rows[0]
    file = part.generation(1) / "inspect" / "heatmaps" / worst.heatmap
    assert not file.exists()
    assert heatmap_file(found, worst) == file
    drawn, photo = np.array(Image.open(file)), read_photo(worst.path).pixels
    assert drawn.shape == photo.shape and (drawn != photo).any()
    before = file.stat().st_mtime_ns
    heatmaps_zip(found, tmp_path / "all.zip")
    assert file.stat().st_mtime_ns == before and len(list(file.parent.iterdir())) == 20


def test_two_copies_are_two_parts(server, part):
    other = open_ready(server)
    assert other.id != part.id
    clear(server, other.id)
    assert other.tests() == [] and len(part.tests()) == 20 and results(part)
    photos = json.loads((other.generation(1) / "config.json").read_text())["settings"]["photos"]
    assert photos == [str(path) for path in other.photos()]


def test_an_opening_that_fails_leaves_nothing_behind(server, monkeypatch):
    before = set(server.store.root.iterdir())
    monkeypatch.setattr(example, "unpacked_maps", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        open_ready(server)
    assert set(server.store.root.iterdir()) == before


def test_maps_come_back_bit_for_bit(tmp_path):
    maps = [np.random.default_rng(k).normal(20, 30, (5, 7)).astype(np.float16) for k in range(3)]
    packed_maps(maps, tmp_path / "maps.npz")
    assert (unpacked_maps(tmp_path / "maps.npz").view(np.uint16) == np.stack(maps).view(np.uint16)).all()


def test_it_is_small_and_names_no_folder_of_the_machine_it_was_made_on():
    files = [file for file in WALK.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 4_000_000
    for file in files:
        if file.suffix in (".json", ".jsonl", ".csv"):
            assert "/tmp" not in file.read_text() and "/root" not in file.read_text(), file
    assert HERE in (WALK / "generations" / "1" / "config.json").read_text()
