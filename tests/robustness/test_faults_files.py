"""Files of a run that vanish or are damaged: what can be made again is, all else is one sentence with the remedy."""

import json
from types import SimpleNamespace

import pytest
import torch
from made_cards import fitted

from tgvig_core.cli import main as line
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.diagnosis import outlier_photos
from tgvig_core.fitting.training_sets import REAL
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.packs import files
from tgvig_core.runs.steps import fit, generate
from tgvig_core.runs.work import open_run
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import TgvigError


def images(count: int = 2) -> torch.Tensor:
    return torch.linspace(-1, 1, count * 3 * 16 * 16).view(count, 3, 16, 16)


@pytest.fixture
def run(tmp_path) -> Run:
    """Three sets of two images, and the state after the third."""
    made = Run.create(tmp_path / "run", {})
    for number in (1, 2, 3):
        made.save_set(number, images())
        made.journal("iteration", number=number, similarity=number / 10, images=2)
    made.save_state({"done": 3})
    return made


def numbers(run: Run) -> list[int]:
    return [row["number"] for row in run.iterations()]


def test_a_set_that_lacks_an_image_does_not_count(run):
    assert numbers(run) == [1, 2, 3]
    (run.set_folder(2) / "001.png").unlink()
    assert numbers(run) == [1]


def test_a_set_of_a_version_that_did_not_note_its_images_counts(tmp_path):
    run = Run.create(tmp_path / "run", {})
    run.save_set(1, images())
    run.journal("iteration", number=1, similarity=0.5)
    assert numbers(run) == [1]


@pytest.mark.parametrize("put", [b'{"event": "iteration"}\n', b"\x00\xff\x80\n", b"\n", b'{"event": "itera'])
def test_a_state_that_is_ahead_of_the_journal_is_not_gone_on_with(run, put, caplog):
    """Else no set would follow, and an empty curve would have no best set."""
    assert generate._state(run)["done"] == 3
    lines = (run.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run.folder / "journal.jsonl").write_bytes(b"".join([lines[0], put, lines[2]]))
    assert numbers(run)[:1] == [1] and len(numbers(run)) < 3
    assert generate._state(run) is None
    assert "Set 2 of" in caplog.text and "made again" in caplog.text


def test_a_state_that_is_one_iteration_behind_is_gone_on_with(run):
    run.save_state({"done": 2})  # killed between the journal's line and the state
    assert generate._state(run) == {"done": 2}


@pytest.mark.parametrize("left", [0, 100, 500])
def test_a_damaged_state_is_as_good_as_none(run, left, caplog):
    file = run.folder / "state.pt"
    file.write_bytes(file.read_bytes()[:left])
    assert run.load_state() is None
    assert "state.pt is damaged" in caplog.text


def test_a_damaged_image_of_a_set_is_named_with_the_remedy(run):
    file = run.set_folder(2) / "000.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(TgvigError, match=r"sets/002 are damaged .*delete that folder and resume the run"):
        run.load_set(2)


def test_a_damaged_json_file_is_named_with_the_remedy(run):
    (run.folder / "prompt.json").write_bytes(b'{"prompt": "a n\xff')
    with pytest.raises(TgvigError, match="prompt.json is damaged: delete it"):
        run.read_json("prompt.json")


@pytest.mark.parametrize("text", ["[1, 2]", "3", "{", "", '"settings"'])
def test_a_config_that_is_none_is_no_run(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(TgvigError, match="config.json is damaged: choose another"):
        Run.open(tmp_path)


@pytest.mark.parametrize("text", ["{}", '{"settings": "none"}', '{"settings": {"photos": 3}}'])
def test_a_config_that_lacks_what_a_run_needs_is_one_sentence(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(TgvigError, match="config.json does not fit this version"):
        open_run(tmp_path)


def test_a_detector_that_lacks_a_file_or_is_damaged_is_trained_anew(tmp_path, caplog):
    folder = tmp_path / "model"
    assert fit._finished(folder, "cpu") is None and not caplog.text  # there is none yet
    detector = PatchCore(EFFICIENTNET_LITE0, 64)
    detector.fit(torch.rand(2, 3, 64, 64), [0, 1])
    detector.save(folder, fitted("real").as_json())
    found, card = fit._finished(folder, "cpu")
    assert torch.equal(found.model.memory_bank, detector.model.memory_bank) and card.training_set == REAL
    for name in ("model.json", "model.safetensors"):
        whole = (folder / name).read_bytes()
        for damaged in (whole[: len(whole) // 2], b"", b"[]", b"{}"):
            caplog.clear()
            (folder / name).write_bytes(damaged)
            assert fit._finished(folder, "cpu") is None and "Training it again." in caplog.text
        (folder / name).unlink()
        assert fit._finished(folder, "cpu") is None
        (folder / name).write_bytes(whole)
    assert fit._finished(folder, "cpu")


@pytest.mark.parametrize("text", ["", '{"photos": ["a"', "[]", "{}"])
def test_damaged_notes_on_odd_photos_are_written_again(tmp_path, text):
    file = tmp_path / "odd" / "notes.json"
    file.parent.mkdir()
    file.write_text(text)
    normals = SimpleNamespace(photos=(SimpleNamespace(sha256="a"),))
    assert outlier_photos.outlier_notes(tmp_path, None, normals, 256) == []
    assert json.loads(file.read_text()) == {"photos": ["a"], "notes": []}


@pytest.mark.parametrize(
    ("error", "words"), [(MemoryError(), "This machine"), (torch.OutOfMemoryError("CUDA out of memory"), "The GPU")]
)
def test_memory_that_runs_out_where_nobody_thought_of_it_is_one_sentence(monkeypatch, capsys, error, words):
    def app() -> None:
        raise error

    monkeypatch.setattr(line, "app", app)
    with pytest.raises(SystemExit) as ended:
        line.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith(f"tgvig: {words} has not enough memory") and said.count("\n") == 1


def test_a_cache_that_cannot_be_written_to_does_not_keep_a_file_from_being_used(tmp_path, monkeypatch, caplog):
    (tmp_path / "cache").write_text("a file in the way")
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))
    (tmp_path / "weights").write_bytes(b"weights")
    files.enforce("weights", tmp_path / "weights")
    assert "checksum of weights is not kept" in caplog.text
