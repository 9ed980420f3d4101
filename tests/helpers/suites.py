"""Which tests a suite runs, in which order, and what runs side by side (docs: tests/EVIDENCE.md).

Two marks make three suites: `quick` (make quick), everything that is not `slow` (make test), everything (make test-all).
"""

from __future__ import annotations

from pathlib import Path

import pytest

ONE_APP = "tests/e2e/"
"""These share one running app, one Chromium and one page that walks: they stay together on one worker."""
FIRST = [ONE_APP, "tests/packaging/", "tests/robustness/", "tests/benchmark/", "tests/serve/", "tests/core/"]
"""What takes longest begins first, so that no worker is left alone with it at the end."""
WALK = "tests/e2e/test_app.py"
"""The first of them: it looks at the page on its way, the others at a page that has come to the end."""


def place(nodeid: str) -> tuple[int, bool]:
    """A sort key: when a test's file begins."""
    return next((at for at, start in enumerate(FIRST) if nodeid.startswith(start)), len(FIRST)), nodeid[
        : len(WALK)
    ] != WALK


def is_quick(path: Path) -> bool:
    """Whether a test file has quick tests, told from its text: nothing else has to be imported for them."""
    return "pytest.mark.quick" in path.read_text(encoding="utf-8")


def group(nodeid: str) -> str:
    """What runs on one worker, one after the other: a file, and all that share the app."""
    return ONE_APP if nodeid.startswith(ONE_APP) else nodeid.split("::", 1)[0]


def scheduler(config: pytest.Config, log: object) -> object:
    """xdist's loadfile with those groups, in the collected order."""
    from xdist.scheduler import LoadFileScheduling

    class Grouped(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    config.option.loadscopereorder = False
    return Grouped(config, log)
