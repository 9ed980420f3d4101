"""What all tests share: one thread each, a cache of their own, a detector with its bundle, one running app, one browser."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import suites
from shared import made_once

# Before torch is imported, and for the programs that tests start: two workers on two cores have a thread each, and glibc
# does not hand memory back to the system only to ask for it again (half of the time of torch's many small tensors).
for name, value in {
    "OMP_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
}.items():
    os.environ.setdefault(name, value)


def pytest_configure(config: pytest.Config) -> None:
    """The first process makes a cache for itself, its workers and the programs they start: what lies at home plays no part."""
    if not hasattr(config, "workerinput"):
        config.tgvig_cache = tempfile.mkdtemp(prefix="tgvig-tests-")
        os.environ["TGVIG_CACHE"] = config.tgvig_cache


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nobody needs it any more."""
    if hasattr(config, "tgvig_cache"):
        shutil.rmtree(config.tgvig_cache, ignore_errors=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m quick` imports no file without a quick test."""
    if config.option.markexpr == "quick" and collection_path.name.startswith("test_"):
        return not suites.is_quick(collection_path) or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    items.sort(key=lambda item: suites.place(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """`--dist loadfile`, with all that share the app as one file."""
    return suites.scheduler(config, log) if config.option.dist == "loadfile" else None


@pytest.fixture(autouse=True)
def arithmetic() -> Iterator[None]:
    """What a test asks of the processor is over with it: with two threads, or without denormal numbers, sums come out otherwise."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        torch.set_flush_denormal(False)


@pytest.fixture
def held(tmp_path):
    """A server without models whose jobs wait until the test lets them go."""
    from made_generations import Held

    made = Held(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """The finished run of two bottles alone; not to be changed."""
    from made_runs import photos_run

    return made_once(tmp_path_factory, "run", photos_run)


@pytest.fixture(scope="session")
def bundle(run, tmp_path_factory) -> Path:
    """That run's bundle as a folder, with every format and the photos; not to be changed."""
    from tgvig_core.bundles.export import export
    from tgvig_core.bundles.wishes import Wishes

    return made_once(tmp_path_factory, "bundle", lambda folder: export(run, folder, Wishes(with_normals=True)))


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    """The real app; starting it, loading its models and naming ImageNet's classes takes half a minute, so once for all."""
    from browser import running

    with running(tmp_path_factory.mktemp("app")) as started:
        yield started


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all pages."""
    from browser import chromium

    with chromium() as started:
        yield started
