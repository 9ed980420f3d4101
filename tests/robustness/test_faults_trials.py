"""The trials of tests/robustness see what is wrong: each is shown something that it must not call right."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.robustness import afterwards, damage, disk, download, kill
from tests.robustness.breaking import breaking
from tests.robustness.forked import Ended
from tests.robustness.small_run import SmallRun


def finished(folder: Path, scores: tuple = (20.0, 30.0), threshold: float = 25.0) -> Path:
    """A folder with what result.json tells of a run."""
    folder.mkdir()
    images = [{"path": f"test/good/{place}.png", "score": score} for place, score in enumerate(scores)]
    result = {"similarity": [0.2, 0.3], "threshold": threshold, "images": images, "seconds": {}}
    (folder / "result.json").write_text(json.dumps(result))
    return folder


@pytest.mark.parametrize(
    ("other", "far"),
    [
        ({}, ""),
        ({"scores": (20.0, 30.0001)}, ""),
        ({"scores": (20.0, 30.01)}, "score of good/1.png is 3.3e-04 away"),
        ({"threshold": 25.1}, "threshold is 4.0e-03 away"),
        ({"scores": (20.0, float("nan"))}, "score of good/1.png is nan away"),
        ({"scores": (20.0,)}, "other photos were inspected"),
    ],
)
def test_a_run_that_helped_itself_is_compared_in_threshold_and_scores(tmp_path, other, far):
    small = SimpleNamespace(reference=finished(tmp_path / "reference"))
    assert SmallRun.far(small, finished(tmp_path / "other", **other)) == far


def test_rows_that_differ_in_the_table_are_another_outcome(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scores.csv").write_text(f"path,score\n{tmp_path}/a.png,1\n")
    kept = afterwards.kept(tmp_path)
    (tmp_path / "out" / "scores.csv").write_text(f"path,score\n{tmp_path}/a.png,2\n")
    assert afterwards.kept(tmp_path) != kept


@pytest.mark.parametrize(("listed", "right"), [("prompts.csv", True), ("", False)])
def test_a_list_may_only_lack_where_it_was_removed(tmp_path, monkeypatch, listed, right):
    reference, out = tmp_path / "reference", tmp_path / "out"
    for folder in (reference, out):
        folder.mkdir()
        (folder / "prompts.csv").write_text("a nut")
    monkeypatch.setattr(damage, "child", lambda work: Ended(value={"code": 0, "said": ""}))

    def differs(out: Path, **given: object) -> str:
        return "" if os.listdir(out) == os.listdir(reference) else "only in one of them: prompts.csv"

    small = SimpleNamespace(reference=reference, differs=differs)
    assert (damage.healed(small, out, damage.gone("prompts.csv"), listed=listed) == "") is right


def test_a_cut_config_needs_a_sentence_that_names_it(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(damage, "child", lambda work: Ended(value={"code": 2, "said": f"tgvig: {said[-1]}"}))
    for sentence, wrong in (("out holds no run", True), ("out/config.json is damaged: start the run anew.", False)):
        said.append(sentence)
        (tmp_path / "config.json").write_text("{}")
        assert bool(damage.no_settings(tmp_path)) is wrong


def test_without_the_right_to_mount_a_row_does_not_hold():
    row = disk.mounted(False, "full disk", [None, None, None])
    assert not row.held and (row.tried, row.figure) == (1, "may not mount here")


@pytest.mark.parametrize(
    ("event", "arguments", "refused"),
    [
        ("os.mkdir", ("out/sets", 511, -1), True),
        ("os.rename", ("a", "b", -1, -1), True),
        ("open", ("out/a", None, os.O_WRONLY | os.O_CREAT), True),
        ("open", ("out/a", None, os.O_RDONLY), False),
        ("os.remove", ("out/a", -1), False),
    ],
)
def test_a_full_disk_makes_no_folder(event, arguments, refused):
    assert disk.needs_room(event, arguments) is refused


def test_a_download_that_began_again_is_not_gone_on_with():
    with breaking(download.CONTENT) as server:
        server.ranges = False
        assert "sent from [0, 0] on" in download.killed(server)


def test_the_copy_of_a_folder_is_kept_until_its_work_died(tmp_path, monkeypatch):
    """Every death begins from the same folder."""
    out, seen = tmp_path / "out", []
    out.mkdir()
    (out / "a").write_text("1")

    def dying(work, folder: Path, death: kill.Death) -> Ended:
        seen.append(((folder / "a").read_text(), str(death)))
        (folder / "a").write_text("2")
        return Ended(9) if death.size is None else Ended(value=4)

    monkeypatch.setattr(kill, "dying", dying)
    ended, death = kill.killed(None, out, kill.Death(6, 100))
    assert seen == [
        ("1", "point 6, 100 bytes into a file"), ("1", "point 2, 100 bytes into a file"),
        ("1", "point 2, 1 bytes into a file"), ("1", "point 2"),
    ]  # fmt: skip
    assert ended.signal == 9 and death == kill.Death(2) and os.listdir(tmp_path) == ["out"]
