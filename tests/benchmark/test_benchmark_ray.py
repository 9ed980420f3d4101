"""The same on a real Ray cluster of this machine."""

import os
import signal
import sys
import threading
import time
from collections import Counter

import pytest
from made_cells import begun, diary, figure, measure, name, plan_of, todo_of
from paths import ROOT

from tgvig_core.benchmark.engines import on_ray
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext


def names(plan) -> list[str]:
    return sorted(name(cell) for _, cells in todo_of(plan) for cell in cells)


def named(row: Row) -> str:
    return "/".join(str(part) for part in row.key[1:5])


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Ray's workers find this package and the stand-in for cell.measure."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'helpers'}")


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_loses_nothing_and_doubles_nothing(tmp_path, capfd):
    """One is killed from outside, two die in the same cell."""
    hung, lost = "tile/1/0/augment", "tile/full/1/augment"
    plan = plan_of(tmp_path, seconds=0.1, die={lost: 2}, hang=hung)
    rows, killed = [], []
    for row in on_ray.run(plan, todo_of(plan), 2, measure):
        rows.append(row)
        found = [line["pid"] for line in diary(tmp_path) if line["cell"] == hung]
        if found and not killed:
            killed = found
            os.kill(found[0], signal.SIGKILL)
    assert killed and sorted(map(named, rows)) == names(plan)
    errors = {named(row): row.error for row in rows if row.error}
    assert list(errors) == [lost] and "died (killed or crashed), twice" in errors[lost]
    assert all(row.image_auroc == figure(row.key) for row in rows if not row.error)
    assert Counter(begun(tmp_path)) == Counter([*names(plan), hung, lost])  # a death costs the cell it was in
    out, err = capfd.readouterr()
    assert out == "" and "A worker died" in err  # where Ray says it: standard output is for the document of --json


def test_a_stop_ends_the_cluster_and_its_tasks(tmp_path):
    plan, stop = plan_of(tmp_path, seconds=0.5), threading.Event()
    asked = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped):
        for _ in on_ray.run(plan, todo_of(plan), 2, measure, RunContext(stop=stop)):
            assert signal.getsignal(signal.SIGTERM) is asked  # a command's own, not Ray's
            stop.set()
    count = len(begun(tmp_path))
    time.sleep(1.2)
    assert len(begun(tmp_path)) == count < 16 and not sys.modules["ray"].is_initialized()


def test_no_cluster_and_no_ray_are_said(tmp_path, monkeypatch):
    plan = plan_of(tmp_path)
    with pytest.raises(TgvigError, match="No Ray cluster answers at auto"):
        next(on_ray.run(plan, todo_of(plan), 1, measure, address="auto"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(TgvigError, match=r"pip install 'tgvig\[ray\]'"):
        next(on_ray.run(plan, todo_of(plan), 1, measure))


@pytest.mark.parametrize(
    ("nodes", "workers", "cpus", "gpus"),
    [
        ([{"CPU": 16.0}], 2, 8, 0),
        ([{"CPU": 2.0}], 5, 1, 0),
        ([{"CPU": 4.0}] * 3, 2, 4, 0),  # 6 would fit on none of them
        ([{"CPU": 16.0}, {"CPU": 4.0}], 2, 8, 0),  # of the 20 half would fit once only
        ([{"CPU": 8.0}, {"CPU": 8.0}], 3, 4, 0),  # a third of the 16 would fit twice only
        ([{"CPU": 7.0}, {"CPU": 3.0}], 3, 3, 0),
        ([{"CPU": 16.0, "GPU": 1.0}], 2, 8, 0.5),
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}], 4, 4, 0.5),  # ⅔ would leave a third of each GPU idle
        ([{"CPU": 8.0, "GPU": 4.0}], 2, 4, 1),
        ([{"memory": 1e9}, {"CPU": 6.0}], 3, 2, 0),  # a head that takes no tasks
    ],
)
def test_what_a_task_asks_for_fits(nodes, workers, cpus, gpus):
    assert on_ray.takes(nodes, workers) == (cpus, gpus)
