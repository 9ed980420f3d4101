"""A watched folder: photos are taken once and whole; the command goes on where it was stopped."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from paths import ROOT
from photos import category, normals

from tgvig_core.inspection.verdict_log import lines_of
from tgvig_core.inspection.watched_folder import arriving, heatmap_name, stamp_of
from tgvig_core.utils.errors import TgvigError


class Looks:
    """A watch that looks when the test says so; returns the names that were taken."""

    def __init__(self, folder: Path, known=()) -> None:
        self.stop = threading.Event()
        self.found = arriving(folder, known, self.stop, every=0)

    def __call__(self) -> list[str]:
        return [path.name for path, _ in next(self.found)]


def test_a_photo_is_taken_once_and_only_when_it_has_stopped_growing(tmp_path):
    look, file = Looks(tmp_path), tmp_path / "a.png"
    file.write_bytes(b"1")
    assert look() == []  # seen for the first time
    file.write_bytes(b"12")
    assert look() == []  # grown
    assert look() == ["a.png"] and look() == []


def test_a_photo_written_anew_counts_again_and_other_files_never(tmp_path):
    look, file = Looks(tmp_path), tmp_path / "a.png"
    for name in ("notes.txt", ".hidden.png", "empty.png"):
        (tmp_path / name).write_bytes(b"" if name == "empty.png" else b"1")
    file.write_bytes(b"1")
    assert [look(), look()] == [[], ["a.png"]]
    os.utime(file, ns=(1, 1))
    assert [look(), look(), look()] == [[], ["a.png"], []]


def test_the_oldest_comes_first_and_what_was_known_does_not_come(tmp_path):
    for place, name in enumerate(("c.png", "a.jpg", "b.png")):
        (tmp_path / name).write_bytes(b"1")
        os.utime(tmp_path / name, ns=(place, place))
    look = Looks(tmp_path, [(tmp_path / "a.jpg", stamp_of(tmp_path / "a.jpg"))])
    assert [look(), look()] == [[], ["c.png", "b.png"]]


def test_only_what_lies_in_the_folder_is_remembered(tmp_path):
    look, file = Looks(tmp_path), tmp_path / "a.png"
    for _ in range(3):  # a line that moves its photos away and reuses a name
        file.write_bytes(b"1")
        os.utime(file, ns=(5, 5))
        assert [look(), look()] == [[], ["a.png"]]
        file.unlink()
        assert look() == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    look = Looks(tmp_path / "gone")
    with pytest.raises(TgvigError, match="gone cannot be watched"):
        look()


def test_a_folder_that_goes_away_is_waited_for(tmp_path, caplog):
    inbox = tmp_path / "share"
    inbox.mkdir()
    look = Looks(inbox)
    (inbox / "a.png").write_bytes(b"1")
    assert [look(), look()] == [[], ["a.png"]]
    inbox.rename(tmp_path / "away")
    assert [look(), look()] == [[], []] and caplog.text.count("Waiting for it.") == 1
    (tmp_path / "away").rename(inbox)
    (inbox / "b.png").write_bytes(b"1")
    assert [look(), look()] == [[], ["b.png"]]


def test_heatmaps_of_one_name_stay_apart():
    assert heatmap_name(Path("x/a.png"), (1, 2)) != heatmap_name(Path("x/a.png"), (1, 3))
    assert heatmap_name(Path("x/a.png"), (1, 2)) != heatmap_name(Path("x/a.jpg"), (1, 2))


def watching(bundle: Path, inbox: Path, out: Path, wanted: int) -> tuple[list[dict], int]:
    """Run the command until scores.jsonl has so many lines, end it with Ctrl-C: the rows and the exit code."""
    command = [sys.executable, "-m", "tgvig_core", "inspect", bundle, inbox, "--watch", "--out", out]
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=subprocess.DEVNULL)
    lines, until = out / "scores.jsonl", time.monotonic() + 1200
    while time.monotonic() < until and not (lines.exists() and lines.read_text().count("\n") >= wanted):
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.1)
    time.sleep(1.5)  # two more looks: nothing comes twice
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=600)
    return list(lines_of(out)), code


def test_what_arrives_is_inspected_and_a_second_command_goes_on(bundle, tmp_path):
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    shutil.copy(normals("bottle", 1)[0], inbox / "first.jpg")
    shutil.copy(category("bottle") / "test" / "broken_large" / "000.jpg", inbox / "second.jpg")
    rows, code = watching(bundle, inbox, out, wanted=2)
    assert {Path(row["path"]).name: row["is_anomalous"] for row in rows} == {"first.jpg": False, "second.jpg": True}
    assert code == 1 and all(Path(row["heatmap"]).is_file() for row in rows)
    shutil.copy(normals("bottle", 2)[1], inbox / "third.jpg")
    with (out / "scores.jsonl").open("a") as file:
        file.write('{"torn by a kill": ')
    rows, code = watching(
        bundle, Path(os.path.relpath(inbox, ROOT)), out, wanted=4
    )  # the same folder, spelt differently
    assert [Path(row["path"]).name for row in rows[2:]] == ["third.jpg"] and code == 0
    table = (out / "scores.csv").read_text().splitlines()
    assert len(table) == 4 and table[0].startswith("path,score")
