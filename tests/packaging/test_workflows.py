"""The project's own automation: GitHub's workflows and forms have the shape that GitHub reads, and call what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from paths import ROOT

pytestmark = pytest.mark.quick
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def read(file: Path) -> dict:
    """A workflow; YAML 1.1 takes its `on` for true."""
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}


def steps() -> list[tuple[str, dict]]:
    """Every step of every job, with the job's name."""
    return [(name, step) for file in WORKFLOWS for name, job in read(file)["jobs"].items() for step in job["steps"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_has_the_shape_that_github_reads(file):
    found = read(file)
    assert set(found) <= {"name", "on", "permissions", "concurrency", "env", "defaults", "jobs"}
    assert found["permissions"] == {"contents": "read"}  # a pull request's code gets no more
    for job in found["jobs"].values():
        assert set(job) <= {
            "name",
            "needs",
            "if",
            "runs-on",
            "timeout-minutes",
            "strategy",
            "env",
            "permissions",
            "steps",
        }
        assert job["runs-on"] and 0 < job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert set(step) <= {"name", "id", "if", "uses", "with", "run", "env", "shell", "working-directory"}
            assert ("uses" in step) != ("run" in step), step
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", step.get("uses", "a/b@v1"))


def test_all_that_has_to_hold_is_run_on_both_pythons():
    jobs = read(GITHUB / "workflows" / "ci.yml")["jobs"]
    assert {"lint", "types", "tests", "tests-with-photos", "docs", "wheel"} == set(jobs)
    for name in ("tests", "tests-with-photos", "wheel"):
        assert jobs[name]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    said = "\n".join(step.get("run", "") for _, step in steps())
    for command in ("ruff check", "ruff format --check", "lint-imports", "make types", "make quick", "make test",
                    "mkdocs build --strict", "make wheel", "-c constraints.txt"):  # fmt: skip
        assert command in said


def test_the_make_targets_and_files_that_a_workflow_names_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for _, step in steps():
        for target in re.findall(r"\bmake ([\w-]+)", step.get("run", "")):
            assert target in targets, target
        for file in re.findall(r"\btests/[\w/.]+\.py", step.get("run", "")):
            assert (ROOT / file).is_file(), file


def test_the_forms_of_issues_can_be_filled_in():
    forms = [file for file in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config"]
    assert len(forms) >= 2
    for file in forms:
        form = yaml.safe_load(file.read_text())
        assert form["name"] and form["description"] and form["body"]
        fields = [entry for entry in form["body"] if entry["type"] != "markdown"]
        assert all(entry["attributes"]["label"] for entry in fields)
        assert len({entry["id"] for entry in fields}) == len(fields)


def test_pre_commit_runs_the_ruff_of_the_constraints_and_repositories_are_pinned():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (ruff,) = [repo["rev"] for repo in hooks if "ruff" in repo["repo"]]
    pinned = {
        Requirement(line).name: line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    assert pinned["ruff"] == f"ruff=={ruff.removeprefix('v')}"
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", repo["rev"]) for repo in hooks if repo["repo"] != "local")
