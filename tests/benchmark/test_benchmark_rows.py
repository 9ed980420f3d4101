"""Rows check themselves, and those of the published tables are still read and written as they stand."""

import json
import math
import pickle
from pathlib import Path

import pytest
from made_rows import made_quality, made_row
from pydantic import ValidationError

from tgvig_core.benchmark.results.rows import COLUMNS, FIGURES, Row, read_row

pytestmark = pytest.mark.quick

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["benchmark_rows.jsonl", "benchmark_rows_ablation.jsonl"])
def test_the_published_rows_are_read_and_written_back_key_by_key(name):
    lines = (DOCS / name).read_text().splitlines()
    assert lines
    for line in lines:
        assert json.dumps(read_row(line).as_json()) == json.dumps(json.loads(line))


def test_the_columns_are_those_of_the_published_rows():
    first, *_ = (DOCS / "benchmark_rows.jsonl").read_text().splitlines()
    assert list(json.loads(first)) == list(COLUMNS) and set(FIGURES) < set(COLUMNS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_auroc", 1.5), ("image_auroc", -0.1), ("image_auroc", math.nan), ("pro", math.inf), ("miss", "0.5"),
        ("threshold", math.nan), ("seconds", -1.0), ("shots", 0), ("shots", "all"), ("seed", -1), ("seed", 0.5),
        ("similarity", [0.5, math.nan]), ("quality", {"ssim": 0.5}), ("quality", made_quality(math.nan)),
        ("steps", {"train": {"minutes": 1.0}}), ("versions", {"torch": 2}), ("other", object()), ("dataset", None),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        Row(**made_row("nut", 0, "real", 0.5).as_json() | {field: value})


def test_a_row_is_frozen_travels_between_processes_and_may_say_more():
    row = made_row("nut", 0, "real", 0.5, other=[1, 2], quality=made_quality(0.5))
    with pytest.raises(ValidationError):
        row.image_auroc = 1.0
    assert pickle.loads(pickle.dumps(row)) == row and row.as_json()["other"] == [1, 2]
    assert row.key == ("mvtec", "nut", 1, 0, "real", "patchcore", "resnet18")
