"""One process at a time in a run's folder, and what a dead one leaves there is in nobody's way."""

import json
import subprocess
import sys

import pytest
from made_results import result
from paths import ROOT

from tgvig_core.runs import pipeline
from tgvig_core.runs.settings import RunConfig, RunSettings
from tgvig_core.runs.steps import check, photos
from tgvig_core.runs.work import Work
from tgvig_core.storage.run_folder import Run
from tgvig_core.storage.run_lock import LOCK, alone_in
from tgvig_core.utils.errors import TgvigError

DRAFT = "." + "0123456789abcdef" * 2 + ".part{}"
HOLDER = """
import sys, time
from pathlib import Path
from tgvig_core.storage.run_lock import alone_in
with alone_in(Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / "run", {"settings": {}})


@pytest.fixture
def holder(run):
    """Another process that works in the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "holding\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize(
    "act",
    [pipeline.resume, lambda folder: pipeline.use(folder, "real"), check.check_run],
    ids=["resume", "use", "check"],
)
def test_a_second_process_is_refused_before_it_changes_anything(run, holder, act):
    before = sorted((path.name, path.read_bytes()) for path in run.folder.iterdir() if path.name != LOCK)
    with pytest.raises(TgvigError, match="Another process works in .*run: wait"):
        act(run.folder)
    assert sorted((path.name, path.read_bytes()) for path in run.folder.iterdir() if path.name != LOCK) == before


def test_a_finished_run_gives_its_result_while_somebody_checks_it(run, holder):
    run.write_json("result.json", result(threshold=1.75).as_json())
    assert pipeline.resume(run.folder) == result(threshold=1.75)


def test_a_dead_process_holds_nothing(run, holder):
    holder.kill()
    holder.wait()
    with alone_in(run.folder):
        pass
    with alone_in(run.folder):  # nor one that has ended
        pass


def test_a_folder_where_a_run_died_before_its_config_takes_a_new_run(tmp_path):
    (tmp_path / LOCK).touch()
    (tmp_path / DRAFT.format(".json")).write_text('{"sett')
    Run.create(tmp_path, {"seed": 3})
    with alone_in(tmp_path):
        pass
    assert json.loads((tmp_path / "config.json").read_text()) == {"seed": 3}
    assert not (tmp_path / DRAFT.format(".json")).exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "config.json").unlink()
    with pytest.raises(TgvigError, match="not an empty folder"):
        Run.create(tmp_path, {})


def test_resuming_removes_the_drafts_of_a_dead_process_and_nothing_else(run):
    half = DRAFT.format
    drafts = (half(".pt"), f"sets/{half('')}/000.png", f"model/{half('.json')}", f"odd/{half('.png')}",
              f"inspect/{half('.png')}", half(".csv"))  # fmt: skip
    others = ("check.part.json", "sets/001/000.png", f"inspect/downloads/{half('.html')}", "inspect/a.png")
    for name in (*drafts, *others):
        (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (run.folder / name).write_bytes(b"x")
    with pytest.raises(TgvigError, match="does not fit this version"):  # it is no real run
        pipeline.resume(run.folder)
    assert [name for name in (*drafts, *others) if (run.folder / name).exists()] == list(others)


def test_a_death_while_another_pool_is_taken_leaves_what_resume_finishes(run, monkeypatch):
    """Result and detector go before the config names the new pool: no old detector is taken for the new one's."""
    config = RunConfig(RunSettings(("a.png",), "nut", str(run.folder)), ("0" * 64,))
    run.write_json("config.json", config.as_json())
    run.write_json("result.json", result(arm="tgvig").as_json())
    (run.folder / "model").mkdir()
    work = Work(config.settings, run, None, "cpu", None)
    monkeypatch.setattr(pipeline, "open_run", lambda *given: work)
    monkeypatch.setattr(photos, "read_tests", lambda *given: ())

    class Death(BaseException):
        pass

    def die(self, name, value):
        raise Death

    monkeypatch.setattr(Run, "write_json", die)
    with pytest.raises(Death):
        pipeline.use(run.folder, "real")
    assert Run.open(run.folder)[1]["settings"]["arm"] == "tgvig"
    assert not (run.folder / "result.json").exists() and not (run.folder / "model").exists()
