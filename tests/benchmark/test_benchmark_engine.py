"""Draws spread over processes: every cell once, whoever dies; and the rule that both engines share, without a process."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import psutil
import pytest
from made_cells import begun, diary, figure, measure, name, plan_of, todo_of
from paths import ROOT

from tgvig_core.benchmark.engines import local
from tgvig_core.benchmark.engines.engine import Died, rows_of, spread
from tgvig_core.benchmark.results import book
from tgvig_core.benchmark.results.rows import COLUMNS, Row, read_row, row_of
from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import RunContext


def names(plan) -> set[str]:
    return {name(cell) for _, cells in todo_of(plan) for cell in cells}


def named(row: Row) -> str:
    return "/".join(str(part) for part in row.key[1:5])


class Script:
    """A crew of one worker, which says what is written for each draw that it is given, and keeps what it was given."""

    places = 1

    def __init__(self, plan, *scripts) -> None:
        self.plan, self.scripts, self.given = plan, list(scripts), []

    def begin(self, draw, cells):
        self.given.append([name(cell) for cell in cells])
        self.said = [row_of(cells[said], self.plan) if isinstance(said, int) else said for said in self.scripts.pop(0)]
        return "worker"

    def heard(self, seconds):
        yield "worker", self.said.pop(0)


@pytest.fixture
def four(tmp_path):
    """A plan of one draw with four cells."""
    return plan_of(tmp_path, categories=("nut",), shots=(1,), seeds=1, arms=("a", "b", "c", "d"))


def test_a_death_costs_one_cell_and_two_deaths_in_it_give_it_up(four):
    killed = Died("signal 9")
    crew = Script(four, (0, killed), (killed,), (0, 1, None))
    rows = list(spread(four, todo_of(four), crew))
    assert crew.given == [["nut/1/0/a", "nut/1/0/b", "nut/1/0/c", "nut/1/0/d"],
                          ["nut/1/0/b", "nut/1/0/c", "nut/1/0/d"], ["nut/1/0/c", "nut/1/0/d"]]  # fmt: skip
    assert [(row.arm, bool(row.error)) for row in rows] == [("a", False), ("b", True), ("c", False), ("d", False)]
    assert rows[1].error.startswith("The process that measured it died (signal 9), twice:")
    assert list(rows[1].as_json()) == list(COLUMNS) and rows[1].image_auroc is None


def test_deaths_in_two_cells_of_a_draw_give_neither_up(four):
    killed = Died("signal 9")
    crew = Script(four, (killed,), (0, killed), (0, 1, 2, killed))  # the last one after its last row
    rows = list(spread(four, todo_of(four), crew))
    assert [row.arm for row in rows] == ["a", "b", "c", "d"] and not any(row.error for row in rows)


def test_a_draw_that_cannot_be_begun_is_a_row_with_its_sentence_for_each_cell_left(tmp_path):
    plan = plan_of(tmp_path, categories=("nut",), shots=(1,), seeds=1, arms=("real", "broken", "augment"))
    ((draw, cells),) = todo_of(plan)
    rows = list(rows_of(measure, plan, draw, cells))
    damaged = "The photo x.png is damaged: replace it."
    assert [(row.arm, row.error) for row in rows] == [("real", None), ("broken", damaged), ("augment", damaged)]


def test_a_cell_without_a_row_and_a_bug_are_rows_that_say_so(four, capsys):
    ((draw, cells),) = todo_of(four)
    silent = list(rows_of(lambda *given: iter(()), four, draw, cells))
    assert len(silent) == 4 and all("without a row" in row.error for row in silent)

    def faulty(*given):
        yield row_of(cells[0], four)
        raise IndexError("list index out of range")

    rows = list(rows_of(faulty, four, draw, cells))
    assert [row.arm for row in rows] == ["a", "b", "c", "d"]
    assert [bool(row.error) for row in rows] == [False, True, True, True]
    assert "IndexError: list index out of range" in rows[1].error and "Traceback" in capsys.readouterr().err


def test_a_figure_that_is_no_number_costs_its_cell_only(four):
    ((draw, cells),) = todo_of(four)

    def odd(*given):
        for cell, value in zip(cells, (np.float32(0.5), math.nan, "0.5", 1.0), strict=True):
            yield row_of(cell, four, image_auroc=value)

    rows = list(rows_of(odd, four, draw, cells))
    assert [row.image_auroc for row in rows] == [0.5, None, None, 1.0]
    assert [bool(row.error) for row in rows] == [False, True, True, False]


def test_two_processes_measure_every_cell_once_with_their_share_of_the_cores(tmp_path):
    plan = plan_of(tmp_path, seconds=0.1)
    rows = list(local.run(plan, todo_of(plan), 2, measure))
    assert sorted(map(named, rows)) == sorted(begun(tmp_path)) == sorted(names(plan))
    assert all(row.image_auroc == figure(row.key) and row.error is None for row in rows)
    lines = diary(tmp_path)
    assert len({line["pid"] for line in lines}) == 2
    assert {line["threads"] for line in lines} == {max(1, local.cores() // 2)}
    assert not psutil.Process().children() or not {line["pid"] for line in lines} & set(psutil.pids())


@pytest.mark.slow
def test_a_process_killed_once_or_always_costs_no_other_cell(tmp_path):
    plan = plan_of(tmp_path, die={"tile/1/0/real": 1, "nut/full/0/real": 2})
    rows = list(local.run(plan, todo_of(plan), 2, measure))
    assert sorted(map(named, rows)) == sorted(names(plan))
    errors = {named(row): row.error for row in rows if row.error}
    assert list(errors) == ["nut/full/0/real"] and "died (signal 9), twice" in errors["nut/full/0/real"]
    expected = Counter(names(plan)) + Counter(["tile/1/0/real", "nut/full/0/real"])
    assert Counter(begun(tmp_path)) == expected


def test_a_stop_ends_all_processes(tmp_path):
    plan, stop = plan_of(tmp_path, seconds=0.3), threading.Event()
    with pytest.raises(Stopped):
        for _ in local.run(plan, todo_of(plan), 2, measure, RunContext(stop=stop)):
            stop.set()
    pids = {line["pid"] for line in diary(tmp_path)}
    assert pids and not pids & set(psutil.pids()) and len(begun(tmp_path)) < 16


BENCHMARK = """
import json, sys
from pathlib import Path
from made_cells import measure, plan_of
from tgvig_core.benchmark.engines import local
from tgvig_core.benchmark.results import book
if __name__ == "__main__":
    out = Path(sys.argv[1])
    plan = plan_of(out.parent / "diary", float(sys.argv[2]))
    with book.opened(out, plan) as held:
        for row in local.run(plan, held.missing(), 2, measure):
            held.add(row)
"""


def test_a_benchmark_whose_parent_was_killed_goes_on_where_it_was(tmp_path):
    out, script = tmp_path / "out", tmp_path / "benchmark.py"
    script.write_text(BENCHMARK)
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'helpers'}"}
    first = subprocess.Popen([sys.executable, script, out, "0.3"], env=env, stderr=subprocess.PIPE)
    lines, deadline = out / book.LINES, time.monotonic() + 1200
    while not lines.exists() or lines.read_bytes().count(b"\n") < 3:
        assert first.poll() is None and time.monotonic() < deadline, first.stderr.read()
        time.sleep(0.02)
    workers = {line["pid"] for line in diary(tmp_path / "diary")}
    first.send_signal(signal.SIGKILL)
    first.communicate()
    _, left = psutil.wait_procs([psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)], timeout=600)
    assert not left and not (out / book.TABLE).exists()
    kept = lines.read_bytes()
    done = {named(read_row(line)) for line in kept.split(b"\n")[:-1]}
    assert 3 <= len(done) < 16
    again = subprocess.run([sys.executable, script, out, "0"], env=env, capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stderr
    assert lines.read_bytes().startswith(kept[: kept.rindex(b"\n") + 1])
    plan = plan_of(tmp_path / "diary")
    with book.opened(out, plan) as held:
        assert held.missing() == [] and sorted(map(named, held.rows())) == sorted(names(plan))
    times = Counter(begun(tmp_path / "diary"))
    assert all(times[cell] == 1 for cell in done)  # what had a row was not measured again
    assert sum(times.values()) <= 16 + 2  # and only what the two workers were in, was
