"""The house's rules as import-linter (Seddon) checks them: rooms import downwards, no circles, the core stands alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tgvig_core", "tgvig_serve", "tgvig_ui")
GIVES = Path("tgvig_core", "__init__.py")
"""What `import tgvig_core as tgvig` gives; it imports when a name is asked for."""


def test_rooms_import_downwards_without_circles_and_the_core_stands_alone():
    """Its rules, and what is still to be mended, are in .importlinter; an entry there that no longer occurs is an error.

    In a process of its own: import-linter switches off all loggers that there are.
    """
    code = "from importlinter import cli; raise SystemExit(cli.lint_imports(no_cache=True, no_logo=True))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_packages_own_file_imports_nothing(package):
    """A room is entered without torch wherever its file can do without."""
    for file in (ROOT / package).rglob("__init__.py"):
        if file.relative_to(ROOT) == GIVES:
            continue
        found = [
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert [node for node in found if getattr(node, "module", "") != "__future__"] == [], file


def test_every_file_says_first_what_it_holds():
    """And where it is from (paper, RFC, library) where it is from somewhere."""
    for package in (*PACKAGES, "tools", "tests"):
        for file in (ROOT / package).rglob("*.py"):
            tree = ast.parse(file.read_text())
            assert not tree.body or ast.get_docstring(tree), file
