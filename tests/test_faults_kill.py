"""kill -9 at points of a run and in mid-write; in a process of its own, because torch's threads do not outlive a fork."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tools.torture.forked import ALONE
from tools.torture.kill import deaths

TRIED = """
import dataclasses, json, sys
from pathlib import Path
from tools.torture import kill
from tools.torture.small_run import Recipe, SmallRun
small = SmallRun(Path(sys.argv[1]), Recipe(photos=1, images=2, iterations=2))
print(json.dumps(dataclasses.asdict(kill.run_row(small, 3, 1))))
"""


def test_a_run_that_is_killed_anywhere_ends_like_one_that_is_not(tmp_path):
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", TRIED, str(tmp_path)], cwd=root, text=True,
                          env=os.environ | ALONE, capture_output=True, timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    assert (row["tried"], row["right"]) == (3, 3), row["figure"]


def test_the_deaths_lie_all_over_the_run_and_are_the_same_every_time():
    planned = deaths(30, 90, more=4)
    assert [1 + 3 * k <= plan[0].at <= 3 * k + 3 for k, plan in enumerate(planned)] == [True] * 30
    assert [len(plan) for plan in planned] == [1] * 26 + [3] * 4
    assert sum(plan[0].size is not None for plan in planned) == 15
    assert planned == deaths(30, 90, more=4) != deaths(30, 90, more=4, seed=1)
