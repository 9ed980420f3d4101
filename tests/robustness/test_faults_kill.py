"""kill -9 at points of a run and in mid-write; in a process of its own, because torch's threads do not outlive a fork."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from paths import ROOT

from tests.robustness import app_killed, kill
from tests.robustness.forked import ALONE, Ended
from tests.robustness.kill import Death, deaths

TRIED = """
import dataclasses, json, sys
from pathlib import Path
from tests.robustness import kill
from tests.robustness.small_run import Recipe, SmallRun
small = SmallRun(Path(sys.argv[1]), Recipe(photos=1, images=2, iterations=2))
print(json.dumps(dataclasses.asdict(kill.run_row(small, 3, 1))))
"""

FOLDERS = """
import json, shutil, sys
from pathlib import Path
from tests.robustness.kill import Death, killed, points
out = Path(sys.argv[1])
(out / "old" / "inner").mkdir(parents=True)
for name in ("old/a", "old/b", "old/inner/c"):
    (out / name).write_text(name)
def work(seen):
    shutil.rmtree(out / "old")
    (out / "new").write_text("of 15 letters..")
def left():
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
shutil.copytree(out, out.with_name("again"))
names, told = points(work, out), []
for at, size in ((2, None), (1, 2**26), (99, 10)):
    shutil.rmtree(out)
    shutil.copytree(out.with_name("again"), out)
    ended, death = killed(work, out, Death(at, size))
    told.append([ended.signal, death.at, death.size, left()])
print(json.dumps([names, told]))
"""

DRAFT = "." + "0123456789abcdef" * 2 + ".part.png"


def said(script: str, folder: Path):
    """What a process of its own prints last."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(folder)], cwd=ROOT, text=True,
                          env=os.environ | ALONE, capture_output=True, timeout=1200)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_ends_like_one_that_is_not(tmp_path):
    row = said(TRIED, tmp_path)
    assert (row["tried"], row["right"]) == (3, 3), row["figure"]
    assert "deaths in 3 trials" in row["figure"]


def test_what_shutil_removes_are_points_and_a_death_is_drawn_until_it_comes(tmp_path):
    names, (half, torn, beyond) = said(FOLDERS, tmp_path / "out")
    assert [name for name in names if "old" in name] == names[:5] and {name.split()[0] for name in names[:5]} == {
        "os.remove",
        "os.rmdir",
    }
    assert half[:3] == [signal.SIGKILL, 2, None] and len(half[3]) == 2  # one of the three files is gone
    assert torn[:3] == [signal.SIGKILL, 1, None] or torn[0] == signal.SIGXFSZ
    assert torn[2] is None or torn[2] < 15
    assert beyond[0] in (signal.SIGKILL, signal.SIGXFSZ) and beyond[1] <= len(names)


def test_a_trial_in_which_nothing_died_is_not_right(tmp_path, monkeypatch):
    monkeypatch.setattr(kill, "killed", lambda work, folder, death: (Ended(value=9), death))
    monkeypatch.setattr(kill, "child", lambda work: Ended())
    small = SimpleNamespace(go_on=None, differs=lambda out, deaths: "")
    assert kill.trial(small, tmp_path / "out", (Death(3),)) == {"signals": [], "wrong": "point 3: nothing died"}
    monkeypatch.setattr(kill, "killed", lambda work, folder, death: (Ended(signal.SIGKILL), death))
    assert kill.trial(small, tmp_path / "out", (Death(3),)) == {"signals": [signal.SIGKILL], "wrong": ""}


@pytest.mark.parametrize(
    ("draft", "wrong"),
    [
        ("", ""),
        (".0123456789abcdef0123456789abcdef.part.png", "point 3: .0123456789abcdef0123456789abcdef.part.png was left"),
    ],
)
def test_a_draft_that_the_second_server_left_is_seen(tmp_path, monkeypatch, draft, wrong):
    def copied(first: Path, root: Path) -> None:
        root.mkdir()
        (root / (draft or "image.png")).touch()

    monkeypatch.setattr(app_killed, "copied", copied)
    monkeypatch.setattr(app_killed, "killed", lambda work, folder, death: (Ended(signal.SIGKILL), death))
    monkeypatch.setattr(app_killed, "child", lambda work: Ended(value="done"))
    monkeypatch.setattr(app_killed, "made", lambda root: {})
    assert app_killed.trial(tmp_path / "root", tmp_path, Death(3), {}) == wrong


def test_the_deaths_lie_all_over_the_run_and_are_the_same_every_time():
    planned = deaths(30, 90, more=4)
    assert [1 + 3 * k <= plan[0].at <= 3 * k + 3 for k, plan in enumerate(planned)] == [True] * 30
    assert [len(plan) for plan in planned] == [1] * 26 + [3] * 4
    assert sum(plan[0].size is not None for plan in planned) == 15
    assert planned == deaths(30, 90, more=4) != deaths(30, 90, more=4, seed=1)


def test_a_death_that_did_not_come_is_drawn_again_smaller_then_at_its_point():
    assert Death(7, 2**20).earlier(9) == Death(7, 2**14)
    assert Death(7, 40).earlier(9) == Death(7)
    assert Death(12, 40).earlier(9) == Death(3, 40)
    assert Death(7).earlier(9) is None and Death(7).earlier(0) is None
