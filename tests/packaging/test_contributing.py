"""CONTRIBUTING.md says what is true: its worked example is the file that the tests run, its commands and links exist."""

from __future__ import annotations

import re

import pytest
from paths import HELPERS, ROOT

pytestmark = pytest.mark.quick
FILES = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", ".github/pull_request_template.md")
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_worked_example_is_the_detector_that_the_tests_run():
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert block == (HELPERS / "toy_detector.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES)
def test_what_a_file_names_exists(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / link).exists(), link
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(r"`make ([a-z -]+)`", text) + re.findall(r"^make ([a-z -]+)", text, re.MULTILINE)
    for target in {target for command in commands for target in command.split()}:
        assert target in targets, target
    for place in re.findall(r"`((?:tgvig_\w+|assets|tests|tools|docs)/[\w/.]*)`", text):
        assert (ROOT / place).exists(), place


def test_the_changelog_knows_the_version():
    from tgvig_core import __version__

    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
