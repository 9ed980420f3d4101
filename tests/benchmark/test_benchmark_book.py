"""The results on disk: what a kill leaves is read, settings are not mixed, and nobody else writes in the folder."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from made_cells import plan_of, todo_of

from tgvig_core.benchmark.plan import Plan
from tgvig_core.benchmark.results import book
from tgvig_core.benchmark.results.rows import COLUMNS, Row, failed, row_of
from tgvig_core.utils.errors import TgvigError

pytestmark = pytest.mark.quick


@pytest.fixture
def plan(tmp_path) -> Plan:
    """Two draws of two cells: seeds 0 and 1, arms real and augment."""
    return plan_of(tmp_path / "diary", categories=("nut",), shots=(None,))


def cells(plan: Plan) -> list:
    return [cell for _, some in todo_of(plan) for cell in some]


def keys(todo: list) -> list:
    return [cell.key for _, some in todo for cell in some]


def filled(folder, plan: Plan, *places: int) -> None:
    """Rows of the cells at these places, whose AUROC is a tenth of the place."""
    with book.opened(folder, plan) as held:
        for place in places:
            held.add(row_of(cells(plan)[place], plan, image_auroc=place / 10, steps={"train": {"seconds": 1.5}}))


def test_rows_are_on_disk_at_once_and_read_back(tmp_path, plan):
    out = tmp_path / "out"
    with book.opened(out, plan) as held:
        assert keys(held.missing()) == [cell.key for cell in cells(plan)]
        held.add(row_of(cells(plan)[2], plan, image_auroc=0.5))
        assert json.loads((out / "results.jsonl").read_text())["image_auroc"] == 0.5
        assert not (out / "results.json").exists()
    with book.opened(out, plan) as held:
        assert keys(held.missing()) == [cells(plan)[place].key for place in (0, 1, 3)]
        assert [draw.seed for draw, _ in held.missing()] == [0, 1]
        held.add(Row(**{name: value for name, value in row_of(cells(plan)[0], plan) if name != "prompt"} | {"pool": 7}))
    found = json.loads((out / "results.json").read_text())
    assert [Row(**row).key for row in found] == [cells(plan)[0].key, cells(plan)[2].key]  # the plan's order
    assert found[0]["prompt"] is None and found[0]["pool"] == 7 and found[1]["shots"] == "full"


def test_a_line_that_a_kill_cut_is_dropped_and_the_next_one_begins_anew(tmp_path, plan):
    out = tmp_path / "out"
    filled(out, plan, 0, 1)
    lines = out / "results.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole[:-1])  # all but its line break: it may or may not be whole
    with book.opened(out, plan) as held:
        assert keys(held.missing()) == [cell.key for cell in cells(plan)[1:]]
        held.add(row_of(cells(plan)[3], plan, image_auroc=0.25))
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [row["image_auroc"] for row in rows] == [0.0, 0.25]


def test_a_line_that_somebody_broke_is_a_cell_to_measure(tmp_path, plan):
    out = tmp_path / "out"
    filled(out, plan, 0, 1, 2)
    lines = (out / "results.jsonl").read_text().splitlines()
    (out / "results.jsonl").write_text("\n".join([lines[0], "[1]", lines[1][:20], '{"a": NaN}', lines[2], ""]))
    with book.opened(out, plan) as held:
        assert keys(held.missing()) == [cells(plan)[place].key for place in (1, 3)]


def test_errors_are_tried_again_only_when_asked_and_the_later_row_counts(tmp_path, plan):
    out = tmp_path / "out"
    with book.opened(out, plan) as held:
        for cell in cells(plan):
            held.add(failed(cell, plan, "It broke.\nBadly.") if cell.arm == "real" else row_of(cell, plan))
        assert held.missing() == [] and keys(held.missing(retry=True)) == [cells(plan)[0].key, cells(plan)[2].key]
        held.add(row_of(cells(plan)[0], plan, image_auroc=0.75))
    with book.opened(out, plan) as held:
        assert keys(held.missing(retry=True)) == [cells(plan)[2].key]
        rows = held.planned()
    assert len(rows) == 4 and rows[0].image_auroc == 0.75 and rows[2].error == "It broke.\\nBadly."


def test_more_of_the_same_may_join_but_no_other_settings(tmp_path, plan):
    out = tmp_path / "out"
    filled(out, plan, 0, 1, 2, 3)
    more = replace(plan, arms=("tgvig",), seeds=1, device="cuda")
    with book.opened(out, more) as held:
        assert [cell.key[4] for _, some in held.missing() for cell in some] == ["tgvig"]
        held.add(row_of(cells(more)[0], more))
        assert len(held.planned()) == 1
    assert [row["arm"] for row in json.loads((out / "results.json").read_text())] == [
        "tgvig", "real", "augment", "real", "augment",
    ]  # fmt: skip
    before = (out / "plan.json").read_bytes()
    for changed, said in (
        ({"images": 5}, "images 20, not 5"),
        ({"most_tests": 3, "root": "/else"}, "root /photos, not /else, most_tests None, not 3"),
    ):
        with pytest.raises(TgvigError, match=said), book.opened(out, replace(plan, **changed)):
            pass
    assert (out / "plan.json").read_bytes() == before and json.loads(before)["seeds"] == more.seeds


def test_a_part_keeps_its_name_and_others_may_join(tmp_path, plan):
    out = tmp_path / "out"
    filled(out, plan, 0)
    joined = replace(plan, categories=("nut", "01"), names=("01=circuit board",))
    with book.opened(out, joined) as held:
        assert joined.called("01") == "circuit board" and joined.called("nut") == "nut"
        held.add(row_of(cells(joined)[1], joined))
    with pytest.raises(TgvigError, match="figures of nut called 'nut'"), book.opened(
        out, replace(plan, names=("nut=metal nut",))
    ):  # fmt: skip
        pass


def test_a_detector_with_weights_of_its_own_has_one_cell_whatever_the_backbones(plan):
    both = replace(plan, detectors=("patchcore", "winclip"), backbones=("a", "b"), arms=("real",))
    found = [(cell.detector, cell.backbone) for cell in both.cells(next(both.draws()))]
    assert found == [("patchcore", "a"), ("patchcore", "b"), ("winclip", "–")]


def test_a_category_deep_in_a_folder_is_called_by_its_own_name(plan):
    deep = replace(plan, categories=("line1/metal_nut",))
    assert deep.called("line1/metal_nut") == "metal nut"


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path, plan):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TgvigError, match="something else than a benchmark"), book.opened(tmp_path, plan):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diary", "notes.txt"]
    out = tmp_path / "out"
    filled(out, plan)
    (out / "plan.json").write_text("{")
    with pytest.raises(TgvigError, match="plan.json cannot be read"), book.opened(out, plan):
        pass


def test_one_process_at_a_time(tmp_path, plan):
    out = tmp_path / "out"
    lock = str(out / ".lock")
    script = f"from filelock import FileLock\nlock = FileLock({lock!r})\nlock.acquire()\nprint(flush=True)\ninput()"
    filled(out, plan, 0)
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(TgvigError, match="Another process works in"), book.opened(out, plan):
            pass
        other.communicate(b"\n")
    filled(out, plan, 1)


def test_the_sheet_has_every_column_and_no_formula(tmp_path, plan):
    out = tmp_path / "out"
    with book.opened(out, plan) as held:
        held.add(row_of(cells(plan)[0], plan, prompt="=1+1", similarity=[0.5, 0.25], pro=0.125, other=3))
    with (out / "results.csv").open(newline="") as file:
        head, row = csv.reader(file)
    assert head == [*COLUMNS, "other"]
    found = dict(zip(head, row, strict=True))
    assert (found["prompt"], found["similarity"], found["pro"], found["error"]) == ("'=1+1", "[0.5, 0.25]", "0.125", "")
    assert found["shots"] == "full" and found["other"] == "3"


def test_what_goes_wrong_meanwhile_leaves_the_rows_so_far(tmp_path, plan):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), book.opened(out, plan) as held:
        held.add(row_of(cells(plan)[0], plan))
        raise KeyboardInterrupt
    assert len(json.loads((out / "results.json").read_text())) == 1
