"""Parts that nobody looks at any more: which are removed, which stay, and what their page says."""

import os
import shutil
import threading
import time

import pytest
from made_parts import photo_files
from served import soon

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs import expiry
from tgvig_ui.jobs.expiry import sweep
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.jobs.server import Server
from tgvig_ui.page.recent_parts import known_by
from tgvig_ui.parts.part import SEEN, Part
from tgvig_ui.parts.store import Store

pytestmark = pytest.mark.quick

HOURS = 24
NOW = 1_700_000_000.0


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "parts", HOURS)


@pytest.fixture
def go():
    return threading.Event()


@pytest.fixture
def executor(go):
    made = Executor({"wait": lambda folder, arguments, watch: go.wait(600)})
    yield made
    go.set()
    made.close()


def aged(store: Store, hours: float, *names: str) -> Part:
    """A part whose files were last written so long before NOW."""
    part = store.new()
    for name in names:
        (part.folder / name).write_text("{}")
    for file in part.folder.iterdir():
        os.utime(file, (NOW - hours * 3600,) * 2)
    return part


def test_what_was_used_within_the_hours_stays_and_the_rest_goes_with_all_that_is_in_it(store, executor, tmp_path):
    young, old = aged(store, HOURS - 0.1), aged(store, HOURS + 0.1)
    old.add_photos(photo_files(tmp_path / "given", 1, 2))
    (old.folder / "generations" / "1").mkdir(parents=True)
    assert sweep(store, executor, HOURS, NOW) == [old.id]
    assert [path.name for path in store.root.iterdir()] == [young.id]


@pytest.mark.parametrize("name", [SEEN, "job.json"])
def test_a_look_and_a_job_count_as_use(store, executor, name):
    part = aged(store, HOURS + 5, name)
    os.utime(part.folder / name, (NOW - 60, NOW - 60))
    assert sweep(store, executor, HOURS, NOW) == []
    assert sweep(store, executor, HOURS, NOW + HOURS * 3600) == [part.id]


def test_looking_at_a_part_is_noted_but_not_every_second(store):
    part = aged(store, HOURS + 5)
    assert not (part.folder / SEEN).exists()
    assert time.time() - store.part(part.id).last_used() < 60
    os.utime(part.folder / SEEN, (time.time() - 30,) * 2)
    before = (part.folder / SEEN).stat().st_mtime
    assert store.part(part.id).last_used() == before
    os.utime(part.folder / SEEN, (time.time() - 90,) * 2)
    assert store.part(part.id).last_used() > before


def test_without_expiry_no_look_is_noted(tmp_path):
    store = Store(tmp_path / "parts")
    part = store.new()
    assert store.part(part.id) and not (part.folder / SEEN).exists()


def test_the_menu_looks_at_no_part(store):
    part = aged(store, HOURS + 5)
    assert store.all() == [part] and store.recent() == [] and not (part.folder / SEEN).exists()


def test_a_part_whose_job_waits_or_runs_stays_until_the_job_has_ended(store, executor, go):
    parts = [aged(store, HOURS + 5) for _ in range(3)]
    for part in parts[:2]:
        executor.submit(part.folder, "wait")
    later = time.time() + 2 * HOURS * 3600
    assert sweep(store, executor, HOURS, later) == [parts[2].id]
    assert {executor.status(part.folder).busy for part in parts[:2]} == {True}
    go.set()
    soon(lambda: not any(executor.status(part.folder).busy for part in parts[:2]), what="the end of the jobs")
    assert sorted(sweep(store, executor, HOURS, later)) == sorted(part.id for part in parts[:2])
    assert list(store.root.iterdir()) == []
    assert executor.status(parts[0].folder) is None


def test_a_part_that_somebody_opens_during_the_sweep_stays(store, executor, monkeypatch):
    part = aged(store, HOURS + 5)
    without_job = executor.without_job

    def meanwhile(folder, then):
        (folder / SEEN).touch()
        os.utime(folder / SEEN, (NOW, NOW))
        return without_job(folder, then)

    monkeypatch.setattr(executor, "without_job", meanwhile)
    assert sweep(store, executor, HOURS, NOW) == [] and part.folder.is_dir()


def test_what_a_killed_sweep_left_goes_and_what_is_no_part_stays(store, executor):
    (store.root / f"{expiry.GONE}{'0' * 12}" / "photos").mkdir(parents=True)
    (store.root / "notes").mkdir()
    (store.root / ".server.lock").write_text("")
    assert sweep(store, executor, HOURS, NOW) == []
    assert sorted(path.name for path in store.root.iterdir()) == [".server.lock", "notes"]


def test_the_background_sweep_removes_and_ends(store, executor):
    old = aged(store, HOURS)
    os.utime(old.folder / "part.json", (1e9, 1e9))
    ended = expiry.begin(store, executor, HOURS)
    try:
        soon(lambda: not old.folder.exists(), what="the removal of the part")
    finally:
        ended.set()
    assert store.part(old.id) is None


def test_the_page_of_a_part_that_is_gone_says_so(store, executor, tmp_path):
    server = Server(store, None, executor, tmp_path, local=False)
    part = aged(store, HOURS + 5)
    sweep(store, executor, HOURS, NOW)
    id, _, _, said = known_by(server, [part.id], part.id)
    assert id == "" and "nobody looks at for 24 hours are removed" in said
    with pytest.raises(TgvigError, match="not here any more.*Begin a new one"):
        server.part(part.id)
    assert known_by(server, [], "")[3] == "" and store.gone("../../etc") == ""
    assert "belongs to another server" in Store(store.root).gone(part.id)


def test_a_part_that_is_just_being_made_stays_and_one_that_was_never_finished_goes(store, executor):
    folder = store.root / "0123456789ab"
    folder.mkdir()  # as Store.new does before it writes anything
    made = folder.stat().st_mtime
    assert Part(folder).last_used() == made
    assert sweep(store, executor, HOURS, made + HOURS * 3600 - 1) == [] and folder.is_dir()
    assert sweep(store, executor, HOURS, made + HOURS * 3600 + 1) == [folder.name]
    assert Part(folder).last_used() == 0


def test_the_menu_leaves_out_what_is_being_removed_and_bears_what_vanishes_meanwhile(tmp_path, executor, monkeypatch):
    store = Store(tmp_path / "parts")
    kept, removed, vanishing = (store.new() for _ in range(3))
    for part in (kept, removed, vanishing):
        part.add_photos(photo_files(tmp_path / "given", 1))
    removed.folder.rename(store.root / f"{expiry.GONE}{removed.id}")
    assert {part.id for part in store.recent()} == {kept.id, vanishing.id}
    listed = store.all()
    shutil.rmtree(vanishing.folder)
    monkeypatch.setattr(Store, "all", lambda self: listed)
    assert store.recent() == [kept]
    monkeypatch.setattr(Store, "recent", lambda self: listed)
    menu = known_by(Server(store, None, executor, tmp_path, local=True), [], kept.id)[2]
    assert {value for _, value in menu.choices} == {kept.id, vanishing.id} and menu.value == kept.id


def test_what_an_upload_that_broke_off_left_is_removed_after_some_hours(tmp_path):
    whole, fresh, old = (tmp_path / name for name in ("0a1b/nut.png", "tmpfresh", "tmpold"))
    (tmp_path / "tmpfolder").mkdir()
    whole.parent.mkdir()
    for file in (whole, fresh, old, tmp_path / "tmpfolder"):
        file.is_dir() or file.write_bytes(b"x")
        os.utime(file, (NOW - (1 if file == fresh else 9) * 3600,) * 2)
    assert expiry.sweep_uploads(tmp_path, NOW) == [old]
    assert whole.exists() and fresh.exists() and not old.exists() and (tmp_path / "tmpfolder").is_dir()
    assert expiry.sweep_uploads(tmp_path / "not-there", NOW) == []


def test_uploads_are_swept_where_parts_stay_for_ever(store, executor, tmp_path, monkeypatch):
    monkeypatch.setattr(expiry, "upload_folder", lambda: tmp_path / "given")
    (tmp_path / "given").mkdir()
    left, part = tmp_path / "given" / "tmpleft", aged(store, 1e5, "photo.png")
    left.write_bytes(b"x")
    os.utime(left, (NOW, NOW))
    ended = expiry.begin(store, executor, None)
    soon(lambda: not left.exists(), what="the removal of what an upload left")
    ended.set()
    assert part.folder.exists()
