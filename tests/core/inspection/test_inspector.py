"""Inspecting many photos: their order, the ones that cannot be read, what is written as it goes, flat memory."""

import csv
import gc
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from photos import noise
from PIL import Image

from tgvig_core.inspection.inspector import MOST_PIXELS, TOGETHER, Finding, Inspector, Limits, Verdict, _groups, judged
from tgvig_core.inspection.verdict_log import COLUMNS, lines_of, opened, row_of
from tgvig_core.photos.images import read_photo
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

LIMITS = Limits(100.0, 100.0, 5.0)


class Grey:
    """Scores a photo by its mean grey value; remembers how many were asked for at once."""

    size = 32

    def __init__(self) -> None:
        self.batches: list[int] = []

    def look(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.batches.append(len(squares))
        means = squares.mean((1, 2, 3), dtype=np.float32)
        return means, np.broadcast_to(means[:, None, None], (len(squares), 32, 32)).copy()


def greys(folder: Path, values: list[int | None]) -> list[tuple[Path, str]]:
    """A photo for each value, None for a file that is no photo."""
    folder.mkdir(exist_ok=True)
    for place, value in enumerate(values):
        file = folder / f"{place:04d}.png"
        file.write_bytes(b"no photo") if value is None else Image.new("L", (40, 36), value).save(file)
    return [(folder / f"{place:04d}.png", f"{place:04d}.png") for place in range(len(values))]


def test_verdicts_come_in_order_and_an_unreadable_photo_stops_nothing(tmp_path):
    values = [10, None, 200, 30, None, 50, 60, 150, 80, 90]
    found = list(judged(Inspector(Grey(), LIMITS), greys(tmp_path, values), tmp_path / "out"))
    assert [v.finding.score if v.finding else None for v in found] == values
    assert [bool(v.error) for v in found] == [value is None for value in values]
    assert "0001.png" in found[1].error
    assert [v.finding.is_anomalous for v in found if v.finding] == [
        value > 100 for value in values if value is not None
    ]
    assert all(read_photo(v.heatmap).pixels.shape == (36, 40, 3) for v in found if v.finding)
    assert [len(v.regions) for v in found] == [int(value is not None and value > 100) for value in values]
    assert (found[2].regions[0].width, found[2].regions[0].height) == (40, 36)


@pytest.mark.parametrize(("heatmaps", "written"), [("all", 3), ("anomalous", 1), ("none", 0)])
def test_heatmaps_are_written_as_asked_for(heatmaps, written, tmp_path):
    photos, out = greys(tmp_path / "in", [10, 200, 30]), tmp_path / "out"
    found = list(judged(Inspector(Grey(), LIMITS), photos, out, heatmaps))
    assert sum(v.heatmap is not None for v in found) == written
    assert len(list(out.iterdir()) if out.exists() else []) == written


def test_photos_are_scored_together_and_large_ones_alone(tmp_path):
    grey = Grey()
    list(judged(Inspector(grey, LIMITS), greys(tmp_path, [1] * 10), tmp_path / "out", "none"))
    assert grey.batches == [TOGETHER, TOGETHER, 2]
    side = int((MOST_PIXELS / 2) ** 0.5) + 100  # two of them are too many
    Image.new("L", (side, side)).save(tmp_path / "large.png")
    groups = list(_groups([(tmp_path / "large.png", "")] * 3 + greys(tmp_path, [1])))
    assert [len(group) for group in groups] == [1, 1, 2]


def test_a_stop_ends_it_and_the_photos_are_taken_as_they_are_needed(tmp_path):
    stop, taken = threading.Event(), []

    def photos():
        for photo in greys(tmp_path, [1] * 100):
            taken.append(photo)
            yield photo

    found = judged(Inspector(Grey(), LIMITS), photos(), tmp_path / "out", "none", RunContext(stop=stop))
    next(found)
    assert len(taken) <= 5 * TOGETHER
    stop.set()
    with pytest.raises(Stopped):
        list(found)


def test_a_score_that_is_not_a_number_is_never_a_verdict():
    class Broken(Grey):
        def look(self, squares):
            scores, maps = super().look(squares)
            return scores * np.nan, maps

    with pytest.raises(TgvigError, match="not a number"):
        Inspector(Broken(), LIMITS).findings([noise(0)])
    assert Inspector(Broken(), LIMITS).findings([]) == []


def test_photos_of_any_size_become_one_batch():
    found = Inspector(Grey(), LIMITS).findings([noise(0, 50, 90), np.full((64, 33, 3), 7, np.uint8)])
    assert found[1].score == 7 and abs(found[0].score - 127.5) < 5


def test_rows_are_on_disk_at_once_in_both_forms_and_a_second_opening_goes_on(tmp_path):
    photos = greys(tmp_path / "in", [10, None, 200])
    found = list(judged(Inspector(Grey(), LIMITS), photos, tmp_path / "maps", "anomalous"))
    with opened(tmp_path / "out", LIMITS) as kept:
        for count, verdict in enumerate(found, 1):
            kept.add(verdict)
            assert len(list(lines_of(tmp_path / "out"))) == count
        assert (kept.photos, kept.anomalous, kept.unreadable, kept.exit_code) == (3, 1, 1, 2)
    with opened(tmp_path / "out", LIMITS, go_on=True) as kept:
        kept.add(found[2], bytes=5)
        assert kept.exit_code == 1
    rows = list(lines_of(tmp_path / "out"))
    assert [row["score"] for row in rows] == [10, None, 200, 200] and rows[3]["bytes"] == 5
    assert rows[2]["regions"][0]["peak"] == 200 and rows[2]["display"] > 0.5
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS and len(table) == 4
    assert table[1]["score"] == "" and "0001.png" in table[1]["error"]
    with (tmp_path / "out" / "scores.jsonl").open("a") as file:
        file.write('{"torn": ')
    assert len(list(lines_of(tmp_path / "out"))) == 4
    with opened(tmp_path / "out", LIMITS, go_on=True) as kept:
        kept.add(found[0])
    assert [row["score"] for row in lines_of(tmp_path / "out")][4:] == [10]


def test_a_name_like_a_formula_is_text_in_the_table(tmp_path):
    verdict = Verdict(Path("=1+1.png"), Finding(5.0, 0.1, False, np.zeros((32, 32), np.float32)))
    with opened(tmp_path / "out", LIMITS) as kept:
        assert kept.add(verdict)["path"] == "=1+1.png"
    assert (tmp_path / "out" / "scores.csv").read_text().splitlines()[1].startswith("'=1+1.png,")
    assert row_of(verdict, LIMITS)["heatmap"] is None


def test_memory_does_not_grow_with_the_number_of_photos(tmp_path):
    photo = greys(tmp_path / "in", [200])[0]

    def held(count: int) -> int:
        """The most bytes held while so many photos are inspected."""

        def photos():
            for number in range(count):
                if number % 100 == 0:
                    gc.collect()  # when it would come by itself depends on all that other tests hold
                yield photo

        tracemalloc.start()
        with opened(tmp_path / f"out{count}", LIMITS) as kept:
            for verdict in judged(Inspector(Grey(), LIMITS), photos(), tmp_path, "none"):
                kept.add(verdict)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    held(50)  # first use: caches of libraries
    few, many = held(100), held(700)
    assert many < few + 400_000  # what waits for the collector; 600 maps of 4 kB kept would be 2.4 MB
