"""tests/EVIDENCE.md names every test that `make test` leaves out, and the suites stand apart by marks."""

from __future__ import annotations

import ast
import re

import pytest
from paths import ROOT

pytestmark = pytest.mark.quick
SLOW = "pytest.mark.slow"


def slow(source: str) -> list[str]:
    """The tests and fixtures that a source marks slow, wholly or for some of their values."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return [one.name for one in functions if any(SLOW in ast.unparse(mark) for mark in one.decorator_list)]


def test_every_test_of_test_all_alone_is_listed_with_its_reason() -> None:
    text = (ROOT / "tests" / "EVIDENCE.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(test_\w+)", text.split("## Only in")[1].split("\n## ")[0]))
    marked = {path: slow(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py")}
    found = {name if name.startswith("test_") else path.stem for path, names in marked.items() for name in names}
    assert len(found) > 20 and found - listed == set()


def test_a_whole_file_is_never_left_out() -> None:
    """The mark stands at its tests, where this search sees it."""
    marked = [path.name for path in (ROOT / "tests").rglob("test_*.py") if f"pytestmark = {SLOW}" in path.read_text()]
    assert [name for name in marked if name != "test_suites.py"] == []
