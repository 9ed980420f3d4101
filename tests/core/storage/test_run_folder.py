"""Runs on disk: what a kill, a full disk or a second start leaves behind."""

import errno
import json
import os

import pytest
import torch

from tgvig_core.runs.settings import RunSettings
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import TgvigError

pytestmark = pytest.mark.quick


def images(seed: int) -> torch.Tensor:
    levels = torch.randint(0, 256, (3, 3, 16, 16), generator=torch.Generator().manual_seed(seed))
    return levels / 127.5 - 1


def test_a_torn_last_line_is_ignored_and_the_next_line_stays_whole(tmp_path):
    run = Run.create(tmp_path / "run", {})
    run.journal("iteration", number=1, similarity=0.5)
    with (run.folder / "journal.jsonl").open("a") as file:
        file.write('{"event": "iteration", "numb')  # what a kill -9 in mid-write leaves
    run.journal("iteration", number=2, similarity=0.25)
    assert [row["number"] for row in run.events("iteration")] == [1, 2]


def test_a_set_comes_back_as_it_was_and_counts_only_with_its_journal_line(tmp_path):
    run = Run.create(tmp_path / "run", {})
    run.save_set(1, images(0))
    assert run.iterations() == []
    run.journal("iteration", number=1, similarity=0.5)
    assert [row["number"] for row in run.iterations()] == [1]
    assert torch.allclose(run.load_set(1), images(0), atol=1e-6)
    run.save_set(1, images(1))  # made again after a kill
    assert torch.allclose(run.load_set(1), images(1), atol=1e-6)


def test_a_half_written_set_does_not_count(tmp_path):
    run = Run.create(tmp_path / "run", {})
    run.set_folder(1).with_name(".1f2e.part").mkdir(parents=True)
    run.journal("iteration", number=1, similarity=0.5)
    assert run.iterations() == []


def test_a_second_start_in_the_same_folder_is_refused(tmp_path):
    Run.create(tmp_path / "run", {"seed": 1})
    with pytest.raises(TgvigError, match="resume it, or choose another folder"):
        Run.create(tmp_path / "run", {"seed": 2})
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == {"seed": 1}


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(TgvigError, match="not an empty folder"):
        Run.create(tmp_path, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(TgvigError, match="run"):
        Run.create(tmp_path / "run", {})


def test_resume_without_a_run_says_so(tmp_path):
    with pytest.raises(TgvigError, match="holds no run"):
        Run.open(tmp_path)


@pytest.mark.parametrize("write", ["json", "set", "state", "journal"])
def test_a_full_disk_is_one_sentence_and_keeps_what_was_there(tmp_path, monkeypatch, write):
    run = Run.create(tmp_path / "run", {})
    run.write_json("result.json", {"good": 1})

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync" if write == "journal" else "replace", full)
    acts = {
        "json": lambda: run.write_json("result.json", {"good": 2}),
        "set": lambda: run.save_set(1, images(0)),
        "state": lambda: run.save_state({"done": 1}),
        "journal": lambda: run.journal("start"),
    }
    with pytest.raises(TgvigError, match="disk is full"):
        acts[write]()
    monkeypatch.undo()
    assert run.read_json("result.json") == {"good": 1}
    assert run.iterations() == []


def test_not_a_number_never_reaches_a_file(tmp_path):
    run = Run.create(tmp_path / "run", {})
    with pytest.raises(ValueError):
        run.write_json("result.json", {"threshold": float("nan")})
    assert not (run.folder / "result.json").exists()


def test_the_state_loads_without_running_code(tmp_path):
    run = Run.create(tmp_path / "run", {})
    assert run.load_state() is None
    run.save_state({"done": 3, "model": {"weight": torch.ones(2)}})
    assert run.load_state()["done"] == 3
    assert torch.load(run.folder / "state.pt", weights_only=True)["model"]["weight"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("other", "no training set 'other'"),
        ("augment:flips", "cannot be made as 'augment:flips'"),
        ("tgvig:11", "There will be no training set 'tgvig:11': 10 sets of 20 images"),
        ("tgvig:2:21", "There will be no training set 'tgvig:2:21'"),
    ],
)
def test_a_training_set_that_there_will_not_be_is_refused_before_anything_is_made(arm, said):
    with pytest.raises(TgvigError, match=said):
        RunSettings(("a.png",), "nut", "run", arm=arm)
    assert RunSettings(("a.png",), "nut", "run", arm="tgvig:10:20").arm == "tgvig:10:20"
