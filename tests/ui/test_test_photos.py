"""Step 5 without a browser: photos removed, thresholds moved, good photos fed back, files written when they are asked for."""

import csv
import io
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from made_cards import fitted
from made_parts import inspected, photo_files, server_of
from photos import noise
from PIL import Image

from tgvig_core.photos.images import read_normals, save_png
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs import add_photos as adding
from tgvig_ui.parts import downloads
from tgvig_ui.parts.results import results
from tgvig_ui.steps.inspect import closeup
from tgvig_ui.steps.inspect import events as inspecting_events
from tgvig_ui.steps.inspect import layout as inspecting_layout
from tgvig_ui.steps.inspect import view as inspecting

pytestmark = pytest.mark.quick


@pytest.fixture
def server(tmp_path):
    return server_of(tmp_path)


@pytest.fixture
def part(server):
    made = server.store.new()
    made.add_photos(photo_files(server.store.root.parent / "normals", 1, 2))
    return made


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What the page tells the person."""
    heard: list[str] = []
    monkeypatch.setattr(gr, "Info", heard.append)
    return heard


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    with gr.Blocks():
        return inspecting_layout.build(server_of(tmp_path_factory.mktemp("page")))


@pytest.fixture
def no_model(monkeypatch):
    """The crops of “why here”, without a detector."""
    monkeypatch.setattr(closeup, "_crops", lambda *given: ((Image.new("RGB", (8, 8)), "this photo"),) * 2)


def test_without_test_photos_there_are_no_results_in_any_generation(server, part, step, no_model):
    inspected(part, [0.5, 2.0], number=1)
    inspected(part, [0.5, 2.0, 3.0, 4.0], number=2)
    before = inspecting.token(part)
    inspecting_events.clear(server, part.id)
    assert part.tests() == [] and part.choices.decisions == {}
    for number in (1, 2):
        part.choose(generation=number)
        assert results(part) is None and not (part.generation(number) / "inspect").exists()
    shown = inspecting.show(step, server, part)
    assert shown[step.has_results].visible is False and inspecting.token(part) != before


def test_another_test_folder_takes_the_place_of_photos_and_results(server, part, tmp_path):
    inspected(part, [0.5, 2.0])
    folder = tmp_path / "other"
    photo_files(folder, 7, 8, 9)
    inspecting_events.from_path(server, part.id, str(folder))
    assert [path.name for path in part.tests()] == ["photo7.png", "photo8.png", "photo9.png"]
    assert results(part) is None


def test_a_photo_that_somebody_deleted_is_left_out(server, part, step, no_model):
    tests = inspected(part, [0.5, 2.0, 3.0])
    tests[2].unlink()
    assert [row.score for row in results(part).rows] == [2.0, 0.5]
    assert inspecting.show(step, server, part)[step.has_results].visible is True


@pytest.mark.parametrize("state", ["queued", "running"])
def test_photos_are_not_taken_from_a_running_inspection(tmp_path, state):
    server = server_of(tmp_path, job=SimpleNamespace(kind="inspect", busy=True, state=state))
    part = server.store.new()
    inspected(part, [0.5, 2.0])
    for remove in (lambda: inspecting_events.clear(server, part.id),
                   lambda: inspecting_events.from_path(server, part.id, str(tmp_path / "given"))):  # fmt: skip
        with pytest.raises(TgvigError, match="being inspected"):
            remove()
    assert len(part.tests()) == 2 and results(part)


def test_a_visitor_elsewhere_cannot_have_the_servers_disk_read(tmp_path):
    server = server_of(tmp_path, local=False)
    part = server.store.new()
    photo_files(tmp_path / "secret", 3)
    for folder in (tmp_path / "secret", tmp_path / "nothing"):  # nor learn whether a folder is there
        with pytest.raises(TgvigError, match="upload the photos instead"):
            inspecting_events.from_path(server, part.id, str(folder))
    assert part.tests() == []


def test_photos_marked_ok_are_added_once(server, part, said):
    inspected(part, [0.5, 0.6, 2.0])
    names = [row.name for row in results(part).rows]
    part.choose(decisions={names[1]: "OK", names[2]: "OK", names[0]: "NG"})
    for _ in range(2):
        inspecting_events.learn(server, part.id)
    assert len(read_normals(part.photos()).photos) == 4
    assert [path.name for path in part.photos()][2:] == ["0002_photo101.png", "0003_photo100.png"]
    assert said[0] == "2 photos added to the good photos of step 1. Generate and train again to use them."
    assert said[1] == "No photo was added to the good photos of step 1: 2 were there already."


def test_a_photo_is_known_by_its_pixels_whatever_file_it_is(server, part, said):
    tests = inspected(part, [0.5, 0.6])
    save_png(noise(1), tests[0])  # the pixels of a normal, in a file of its own
    with Image.open(tests[0]) as image:
        image.save(tests[0], compress_level=1)
    part.choose(decisions={row.name: "OK" for row in results(part).rows})
    inspecting_events.learn(server, part.id)
    assert len(part.photos()) == 3
    assert said == [
        "1 photo added to the good photos of step 1; 1 was there already. Generate and train again to use them."
    ]


def test_two_presses_at_once_add_a_photo_once(server, part, said):
    inspected(part, [0.5])
    part.choose(decisions={results(part).rows[0].name: "OK"})
    presses = [threading.Thread(target=inspecting_events.learn, args=(server, part.id)) for _ in range(4)]
    for press in presses:
        press.start()
    for press in presses:
        press.join()
    assert len(part.photos()) == 3 and sorted(text[:7] for text in said) == ["1 photo", *["No phot"] * 3]


def test_nothing_is_added_when_the_normals_would_be_too_many(server, part, said, monkeypatch):
    inspected(part, [0.5, 0.6])
    part.choose(decisions={row.name: "OK" for row in results(part).rows})

    def too_many(*given):
        raise TgvigError(f"The photos up to {part.photos()[-1]} have over 2000 megapixels together.")

    monkeypatch.setattr(adding, "read_normals", too_many)
    with pytest.raises(TgvigError, match=r"up to photo100\.png have"):
        inspecting_events.learn(server, part.id)
    assert len(part.photos()) == 2 and said == []


def test_feeding_back_without_a_photo_marked_ok_says_what_to_do(server, part):
    with pytest.raises(TgvigError, match="No photo is marked OK"):
        inspecting_events.learn(server, part.id)


def test_false_alarms_and_misses_are_those_of_the_threshold_in_use(part):
    inspected(part, [0.5, 1.5, 1.2, 3.0], [False, False, True, True])
    assert {name: results(part).figures[name] for name in ("false_alarm", "miss")} == {"false_alarm": 0.5, "miss": 0.0}
    part.choose(threshold=2.0)
    found = results(part)
    assert (found.figures["false_alarm"], found.figures["miss"], found.figures["image_auroc"]) == (0.0, 0.5, 0.75)
    assert found.counts() == (2, 0, 1, 1)
    said = downloads.facts(part, found)
    assert said.figures["miss"] == 0.5 and said.threshold == 2.0
    inspected(part, [0.5, 1.5], [True, True], number=2)
    assert results(part).figures["false_alarm"] is None
    inspected(part, [0.5], number=3)
    assert results(part).figures == {}


@pytest.mark.parametrize(("scores", "least"), [([0.5, 6.0], 0.007), ([0.1, 0.2], 0.001)])
def test_the_threshold_cannot_be_moved_to_zero(server, part, step, no_model, scores, least):
    inspected(part, scores)  # the greatest of the scores and the threshold of 1, a tenth more, a thousandth of that
    assert inspecting.show(step, server, part)[step.threshold].minimum == pytest.approx(least, abs=1e-9)


def test_the_archive_holds_the_heatmaps_of_the_present_results_only(part):
    inspected(part, [0.5, 2.0])
    save_png(noise(9), results(part).folder / "heatmaps" / "former.png")
    found = results(part)
    archive = zipfile.ZipFile(downloads.write(part, found, "heatmaps.zip"))
    assert sorted(archive.namelist()) == ["0000_photo100.png", "0001_photo101.png"] and archive.testzip() is None


def test_a_redraw_writes_no_file_and_reads_only_the_photo_that_is_looked_at(server, part, step, no_model):
    inspected(part, [0.5, 1.5, 3.0], [False, True, True])
    found = results(part)
    for row in found.rows:
        (found.folder / "heatmaps" / row.heatmap).unlink()
    for row in found.rows[1:]:
        row.path.write_bytes(b"no photo any more")
    part.choose(threshold=2.0)
    shown = inspecting.show(step, server, part)
    assert [row[1] for row in shown[step.table]] == ["ANOMALOUS", "good", "good"]
    assert not (found.folder / "downloads").exists()


def rows_of(file: Path) -> list[dict]:
    return list(csv.DictReader(io.StringIO(file.read_text())))


def test_a_file_is_of_the_state_in_which_it_is_asked_for(server, part):
    inspected(part, [0.5, 1.5])
    first = Path(inspecting_events.fetch(server, "scores.csv", part.id))
    report = Path(inspecting_events.fetch(server, "report.html", part.id))
    stamp = report.stat().st_mtime_ns
    assert [row["is_anomalous"] for row in rows_of(first)] == ["True", "False"] and first.name == "scores.csv"
    inspecting_events.move(server, part.id, 0.1)
    second = Path(inspecting_events.fetch(server, "scores.csv", part.id))
    assert [row["is_anomalous"] for row in rows_of(second)] == ["True", "True"]
    assert not first.exists() and report.stat().st_mtime_ns == stamp  # another kind of file may just be sent
    inspecting_events.move(server, part.id, None)
    assert inspecting_events.fetch(server, "report.html", part.id) == str(report) and report.stat().st_mtime_ns == stamp


def test_a_file_that_cannot_be_finished_is_not_handed_out_later(server, part):
    inspected(part, [0.5, 1.5])
    found = results(part)
    file, map_ = found.folder / "heatmaps" / found.rows[0].heatmap, found.rows[0].map
    file.unlink()
    map_.rename(found.folder / "away.npy")  # without it the heatmap cannot be drawn again either
    with pytest.raises(OSError):
        inspecting_events.fetch(server, "heatmaps.zip", part.id)
    (found.folder / "away.npy").rename(map_)
    assert len(zipfile.ZipFile(inspecting_events.fetch(server, "heatmaps.zip", part.id)).namelist()) == 2


def test_without_results_there_is_nothing_to_download(server, part):
    with pytest.raises(TgvigError, match="press Inspect"):
        inspecting_events.fetch(server, "scores.csv", part.id)


def test_every_download_button_has_its_file(step):
    assert list(step.files) == list(downloads.WRITERS)


def test_why_here_is_worked_out_by_one_request_at_a_time(server, part, monkeypatch):
    inspected(part, [0.5, 1.5, 2.0])
    found, inside, most = results(part), [], []

    def crops(*given):
        inside.append(given)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return ()

    monkeypatch.setattr(closeup, "_crops", crops)
    asking = [threading.Thread(target=closeup._why, args=(server, found, row)) for row in found.rows]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert most == [1, 1, 1]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A run with a real detector of two photos, and the pictures that it learned from."""
    import torch

    from tgvig_core.detectors.patchcore import PatchCore
    from tgvig_core.packs import registry
    from tgvig_core.photos.images import to_square, to_tensor

    run = tmp_path_factory.mktemp("run")
    squares = [to_square(noise(seed), 64) for seed in (1, 2)]
    detector = PatchCore(registry.load_backbone(registry.PACKS["embedded"], None), 64)
    detector.fit(torch.stack([to_tensor(square) for square in squares]), range(2))
    detector.save(run / "model", fitted("tgvig", 1.0).as_json())
    (run / "pool").mkdir()
    for place, square in enumerate(squares):
        save_png(square, run / "pool" / f"{place:04d}.png")
    return run


def test_why_here_leaves_the_gpu_to_the_worker_and_is_kept_for_the_next_redraw(server, part, model, monkeypatch):
    from tgvig_core.detectors import base
    from tgvig_core.detectors.patch_features import PatchFeatures

    inspected(part, [0.5, 1.5])
    for name in ("model", "pool"):
        for file in (model / name).iterdir():
            target = part.generation(1) / name / file.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.read_bytes())
    found, loaded, looked = results(part), [], []
    load, features = base.load_detector, PatchFeatures.__call__
    monkeypatch.setattr(base, "load_detector", lambda folder, device: loaded.append(device) or load(folder, device))
    monkeypatch.setattr(PatchFeatures, "__call__", lambda own, images: looked.append(1) or features(own, images))
    server.service.device = lambda: "cuda"
    pairs = [closeup._why(server, found, found.rows[place]) for place in (0, 0, 1)]
    assert loaded == ["cpu"] and len(looked) == 2
    assert all([crop.size for crop, _ in pair] == [(192, 192)] * 2 and pair[0][1] == "this photo" for pair in pairs)


def test_a_detector_that_does_not_say_why_shows_no_spots_and_the_page_goes_on(server, part, monkeypatch):
    inspected(part, [0.5, 1.5])
    found = results(part)
    monkeypatch.setattr(closeup, "loaded", lambda folder, stamp: SimpleNamespace(size=256))
    assert closeup._why(server, found, found.rows[0]) == []
