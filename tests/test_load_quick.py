"""A part of `make torture`'s section load, with seconds in place of minutes: nobody gets another's photos, the queue is fair."""

from __future__ import annotations

import numpy as np
import pytest

from tools.torture import load
from tools.torture.visitors import Job, pattern


def test_programs_and_pages_get_their_own_back_in_the_order_of_their_asking(app, tmp_path):
    own, fair, memory, updates = load.together(app, tmp_path, programs=3, pages=1, seconds=15)
    assert own.held and own.tried > 6, own.figure
    assert fair.held, fair.figure
    assert "MB a minute" in memory.figure  # seconds tell nothing about its slope
    assert updates.held, updates.figure


def test_more_normals_than_one_looks_at_are_taken_in_one_go(app, tmp_path):
    row = load.many_normals(app, tmp_path, 40)
    assert row.held, row.figure


def test_the_command_inspects_a_folder_of_many_photos(run, tmp_path):
    row = load.many_tests(run, tmp_path, 20)
    assert row.held and row.tried == 20, row.figure


def test_the_page_lists_many_parts(browser, tmp_path):
    row = load.many_parts(browser, tmp_path, 30)
    assert row.held, row.figure


def test_the_slope_is_that_of_the_time_after_the_warm_up():
    held = [(float(t), 1e9 * min(t, 60)) for t in range(60)] + [
        (float(t), 6e10 + 2e6 * (t - 60) / 60) for t in range(60, 301)
    ]
    assert load.slope_of(held)[0] == pytest.approx(2.0, abs=1e-6)


def test_a_job_that_overtakes_is_seen():
    fair = [Job(0, 1, 5), Job(2, 3, 6), Job(5.5, 5.6, 9)]
    assert load.fairness(fair).held
    assert not load.fairness([Job(0, 1, 7), *fair[1:]]).held


def test_no_two_clients_have_photos_alike():
    numbers = [10_000 * (client + 1) + turn for client in range(16) for turn in range(20)]
    means = np.array([pattern(number)[::8, 0].ravel() for number in numbers], dtype=float)
    apart = np.abs(means[:, None] - means).mean(-1) + 1e9 * np.eye(len(means))
    assert apart.min() > 24  # twice what a JPEG of it may differ by
