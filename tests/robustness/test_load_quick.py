"""A part of `make torture`'s section load, with seconds in place of minutes: nobody gets another's photos, the queue is fair."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.robustness import load, many, visitors
from tests.robustness.tally import Tally
from tests.robustness.visitors import Job, Log, Program, compare_alone, nearest_client, number_of, pattern, patterned


@pytest.mark.slow
def test_programs_and_pages_get_their_own_back_in_the_order_of_their_asking(app, tmp_path):
    own, fair, memory, pictures = load.together(app, tmp_path, programs=3, pages=1, seconds=15)
    assert own.held and own.tried > 6, own.figure
    assert fair.held, fair.figure
    assert "MB a minute" in memory.figure  # seconds tell nothing about its slope
    assert "p95" in pictures.figure  # nor about a busy machine's pages


@pytest.mark.slow
def test_normals_that_are_given_in_one_go_are_learned_from(app, tmp_path):
    row = many.many_normals(app, tmp_path, 8)
    assert row.held, row.figure


@pytest.mark.slow
def test_the_command_inspects_a_folder_of_many_photos(run, tmp_path):
    row = many.many_tests(run, tmp_path, 20)
    assert row.held and row.tried > 20, row.figure


@pytest.mark.parametrize(
    ("heatmaps", "error", "wrong"),
    [
        (("a", "b"), "", 0),
        (("a", "a"), "", 1),
        (("a", "gone"), "", 1),
        (("a", "b"), "cannot be read", 1),
        (("a",), "", 2),
    ],
    ids=["whole", "one heatmap for two", "no heatmap", "an error", "no row"],
)
def test_a_photo_without_a_row_and_a_heatmap_of_its_own_is_seen(tmp_path, heatmaps, error, wrong):
    files = [tmp_path / "0.png", tmp_path / "1.png"]
    rows = [f"{file},{tmp_path / name}," for file, name in zip(files, heatmaps, strict=False)]
    (tmp_path / "scores.csv").write_text("\n".join(["path,heatmap,error", *rows]) + error)
    for name in ("a", "b"):
        (tmp_path / name).touch()
    tally = Tally("photos")
    many.all_judged(tmp_path, files, tally)
    assert len(tally.wrong) == wrong, tally.wrong


def test_a_score_that_depends_on_the_other_photos_is_seen(tmp_path):
    for name, score in (("out", "20.0"), ("few", "20.01")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "scores.csv").write_text(f"path,score\na,{score}\nb,20.0\n")
    tally = Tally("scores")
    many.same_scores(tmp_path, [Path("a"), Path("b"), Path("c")], tally)
    assert [trial.split(":")[0] for trial in tally.wrong] == ["a", "c"]


@pytest.mark.slow
def test_the_page_lists_many_parts(browser, tmp_path):
    row = many.many_parts(browser, tmp_path, 30)
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
    numbers = [number_of(client) for client in range(16)]
    means = np.array([pattern(number)[::8, 0].ravel() for number in numbers], dtype=float)
    apart = np.abs(means[:, None] - means).mean(-1) + 1e9 * np.eye(len(means))
    assert apart.min() > 24  # twice what a JPEG of it may differ by


def test_an_image_belongs_to_the_client_whose_pattern_it_is_nearest_to(tmp_path):
    assert [nearest_client(patterned(tmp_path, number_of(client)), 4) for client in range(4)] == [0, 1, 2, 3]


def test_another_ranking_than_alone_and_one_ranking_for_two_are_seen(tmp_path, monkeypatch):
    alone = {0: [{"score": 0.3}], 1: [{"score": 0.4}], 2: [{"score": 0.4}]}
    monkeypatch.setattr(Program, "ranked", lambda self, name: ("id", alone[self.client]))
    log = Log()
    programs = [Program(None, tmp_path, client, 3, log, told=[alone[client]] * 2) for client in alone]
    programs[0].told[1] = alone[1]
    compare_alone(programs, log)
    assert [trial for trial, right in log.own if not right] == [
        "client 0 turn 1 got another ranking than alone", "client 1 alone and client 2 alone got one ranking"
    ]  # fmt: skip


def test_pictures_that_come_late_or_never_do_not_hold():
    assert load.pictures([0.2] * 99 + [60.0]).held
    assert not load.pictures([0.2] * 90 + [60.0] * 10).held and not load.pictures([]).held


def test_a_job_that_does_not_end_is_seen(monkeypatch):
    monkeypatch.setattr(visitors, "data_of", lambda said: {"state": "running"})
    with pytest.raises(AssertionError, match="still running after 0 s"):
        visitors.waited(SimpleNamespace(called=lambda *given: ""), "id", 0)
