"""Numbers that are none are refused where they enter; equals, too few and too many give numbers; batches change nothing."""

import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from paths import ROOT
from small import tiny_vqgan

from tests.robustness import greedy, not_numbers, plain_runs, steady
from tgvig_core.inspection.inspector import Finding, Limits, Verdict
from tgvig_core.inspection.verdict_log import opened
from tgvig_core.models.encoders import text_cache
from tgvig_core.utils import strict_json

LENIENT = {("tgvig_core", "strict_json.py"), ("tgvig_ui", "bodies.py")}
"""The one place that knows how; and what reads calls before gradio, which has to read them exactly as gradio will."""


@pytest.mark.parametrize("part", ["refused", "more than there is", "steady"])
def test_the_quick_part_of_the_table(part, tmp_path):
    torch.set_num_threads(2)
    found = {
        "refused": lambda: not_numbers.rows(tmp_path, (math.nan, math.inf)),
        "more than there is": greedy.rows,
        "steady": lambda: steady.rows(None, tiny_vqgan()),
    }[part]()
    assert [row for row in found if not row.held] == []


def test_one_photo_under_several_names_is_refused(tmp_path):
    assert plain_runs.same(tmp_path).held


def test_json_is_written_and_read_in_one_place_only():
    for folder in ("tgvig_core", "tgvig_ui", "tgvig_serve"):
        for file in (ROOT / folder).glob("*.py"):
            if (folder, file.name) in LENIENT:
                continue
            nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
            names = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
            names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
            assert "json" not in names, f"{folder}/{file.name}: use strict_json"


@pytest.mark.parametrize("text", ['{"a": NaN}', "[Infinity]", "[-Infinity]", "[1e999]", "-1e999"])
def test_json_that_others_could_not_read_is_refused(text):
    with pytest.raises(ValueError, match="finite"):
        strict_json.loads(text)


def test_json_that_is_sound_is_read_as_python_reads_it():
    text = '{"a": [1, -2.5, 1e-7, null, true, "NaN"], "b": 12345678901234567890}'
    assert strict_json.loads(text) == json.loads(text) == strict_json.loads(strict_json.dumps(json.loads(text)))


def test_words_kept_with_a_value_that_is_no_number_are_encoded_again(tmp_path):
    for bad, kept in ((0.5, True), (math.nan, False), (math.inf, False)):
        np.save(tmp_path / "rows.npy", np.array([[bad, 0.5]], dtype=np.float16))
        assert (text_cache._read(tmp_path / "rows.npy", (1, 2)) is not None) is kept


def test_a_table_with_a_number_that_is_none_is_found(tmp_path):
    verdict = Verdict(Path("a.png"), Finding(2.0, 0.7, True, np.zeros((4, 4))))
    with opened(tmp_path, Limits(1.0, 1.0, 1.0)) as out:
        out.add(verdict)
    assert not_numbers.strict(tmp_path) == (4, [])  # score, display and threshold in the CSV, one line of JSON
    (tmp_path / "b.csv").write_text("score\nnan\n1e999\n3\n")
    (tmp_path / "c.json").write_text("[NaN]")
    assert not_numbers.strict(tmp_path) == (8, ["b.csv: nan", "b.csv: inf", "c.json: NaN is no JSON"])
