"""`tgvig benchmark` from its words to its exit code; measuring itself is a stand-in (made_cells.py)."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from made_cells import ORDERS, begun, parts
from paths import ROOT

from tgvig_core.benchmark.arms import arm
from tgvig_core.benchmark.data.category import layout
from tgvig_core.benchmark.detectors.catalogue import detectors
from tgvig_core.benchmark.plan import Plan
from tgvig_core.benchmark.run import check_names
from tgvig_core.cli.main import main
from tgvig_core.utils.errors import TgvigError


def test_a_part_without_words_is_told_before_anything_is_measured(tmp_path):
    plan = Plan("visa", str(tmp_path), ("pcb1", "candle"), arms=("real", "tgvig-notext"))
    with pytest.raises(TgvigError, match="no words for 'pcb1', and tgvig-notext needs some.*such as pcb1="):
        check_names(plan)
    check_names(replace(plan, names=("pcb1=circuit board",)))
    check_names(replace(plan, arms=("real", "augment")))  # nobody asks for a prompt
    with pytest.raises(TgvigError, match="no training 'long': choose one of short, published"):
        check_names(replace(plan, arms=("real",), training="long"))


@pytest.fixture
def here(monkeypatch, capsys, tmp_path):
    """The command inside this process, with its parts stood in for: (exit code, out, err)."""
    for name, part in parts().items():
        monkeypatch.setitem(sys.modules, name, part)
    orders(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        given = ["tgvig", "benchmark", *words(tmp_path), *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def words(folder: Path) -> list[str]:
    given = {"dataset": "folder", "root": folder, "models-dir": folder, "out": folder / "out", "pack": "embedded"}
    return [str(word) for name, value in given.items() for word in (f"--{name}", value)]


def orders(folder: Path, seconds: float = 0.0, **die: int) -> None:
    """See made_cells.plan_of; cells as nut_1_0_real."""
    killed = {cell.replace("_", "/"): times for cell, times in die.items()}
    (folder / ORDERS).write_text(json.dumps({"seconds": seconds, "die": killed, "hang": ""}))


def test_it_measures_and_goes_on_with_what_is_new(here, tmp_path):
    more = ("--category", "nut", "--shots", 1, "--shots", "full", "--seeds", 1, "--arms", "real", "--arms", "augment")
    code, out, err = here(*more, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["cells"], found["errors"], len(found["rows"])) == (4, 0, 4)
    assert begun(tmp_path) == [f"nut/{shots}/0/{arm}" for shots in (1, "full") for arm in ("real", "augment")]
    code, out, err = here(*more[:4], "--seeds", 1, "--arms", "real", "--arms", "tgvig", "--workers", 2, "--quiet")
    assert code == 0 and "2 of 2 cells have figures." in out, err
    assert sorted(begun(tmp_path)[4:]) == ["nut/1/0/tgvig"]
    assert (tmp_path / "out" / "report.md").read_text() == "5 rows"


def test_an_error_is_shown_and_leaves_2_until_it_is_measured_again(here, tmp_path):
    more = ("--category", "nut", "--shots", 1, "--seeds", 1, "--arms", "real", "--arms", "augment", "--quiet")
    orders(tmp_path, nut_1_0_real=2)
    code, out, err = here(*more)
    assert code == 2 and "nut/1/0/real/patchcore" in out and "died (signal 9), twice" in out, err
    assert here(*more)[0] == 2 and begun(tmp_path).count("nut/1/0/real") == 2
    code, out, err = here(*more, "--retry-errors")
    assert code == 0 and "2 of 2 cells have figures." in out and begun(tmp_path).count("nut/1/0/augment") == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--engine", "spark"), "no engine 'spark'"),
        (("--address", "auto"), "take the engine ray"),
        (("--shots", "two"), "'two' is no number of photos"),
        (("--shots", 1, "--shots", 1), "name each once"),
        (("--arms", "real", "--arms", "oracle"), "no arm 'oracle'"),
        (("--detectors", "oracle"), "no detector 'oracle'"),
        (("--pack", "oracle"), "oracle"),
        (("--seeds", 0), "0 seeds"),
        (("--training", "long"), "no training 'long'"),
        (("--seeds", 3, 4), "unexpected extra argument"),
        (("--shots", 1, 5, "full"), "extra arguments (5 full): an option takes one value; give it again"),
    ],
)
def test_bad_words_are_one_sentence_and_leave_nothing(here, tmp_path, more, said):
    code, out, err = here(*more)
    plain = " ".join(err.replace("│", " ").split())  # typer draws a box around its own
    assert code == 2 and said in plain and "Traceback" not in err and out == ""
    assert not (tmp_path / "out").exists()


def test_the_help_lists_what_the_registries_hold(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tgvig", "benchmark", "--help"])
    with pytest.raises(SystemExit):
        main()
    said = set(capsys.readouterr().out.replace("│", " ").replace(",", " ").replace(":", " ").split())
    assert {*arm.names(), *detectors(), *layout.names()} <= said


SCRIPT = """
import sys
from made_cells import parts
from tgvig_core.cli.main import main
if __name__ == "__main__":
    sys.modules.update(parts())
    main()
"""


def test_ctrl_c_ends_it_with_130_and_the_same_command_goes_on(here, tmp_path):
    orders(tmp_path, seconds=0.4)
    script = tmp_path / "benchmark.py"
    script.write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'helpers'}"}
    command = [sys.executable, script, "benchmark", *words(tmp_path), "--shots", "1", "--workers", "2", "--quiet"]
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    lines, deadline = tmp_path / "out" / "results.jsonl", time.monotonic() + 1200
    while not lines.exists() or lines.read_text().count("\n") < 2:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130 and "The same command goes on." in err and "Traceback" not in err
    done = json.loads((tmp_path / "out" / "results.json").read_text())
    assert 2 <= len(done) < 18
    orders(tmp_path)
    code, out, err = here("--shots", 1, "--workers", 2, "--quiet")
    assert code == 0 and "18 of 18 cells have figures." in out, err
    assert len(begun(tmp_path)) <= 18 + 2
