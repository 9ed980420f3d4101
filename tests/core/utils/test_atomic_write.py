"""Atomic writes: what is written appears whole, and an error leaves what was there and nothing beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tgvig_core.utils.atomic_write import drafts, whole

pytestmark = pytest.mark.quick


def test_the_former_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    file.write_text("old")
    with whole(file) as draft:
        draft.write_text("new")
        assert file.read_text() == "old" and drafts(tmp_path) == [draft] and draft.suffix == ".json"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("notes.json", "new")]


@pytest.mark.parametrize("error", [OSError("No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("folder", [False, True])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: BaseException, folder: bool) -> None:
    target = tmp_path / "001"
    target.mkdir()
    (target / "000.png").write_text("old")
    with pytest.raises(type(error)), whole(target) as draft:
        if folder:
            draft.mkdir()
            (draft / "000.png").write_text("half")
        else:
            draft.write_text("half")
        raise error
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["001", "001/000.png"]
    assert (target / "000.png").read_text() == "old"


def test_a_folder_takes_the_place_of_a_folder_and_a_file_does_not(tmp_path: Path) -> None:
    target = tmp_path / "sets"
    for name in ("a.png", "b.png"):
        with whole(target) as draft:
            draft.mkdir()
            (draft / name).touch()
    assert [path.name for path in target.iterdir()] == ["b.png"]
    with pytest.raises(IsADirectoryError), whole(target) as draft:
        draft.write_text("a file")
    assert [path.name for path in target.iterdir()] == ["b.png"] and not drafts(tmp_path)


def test_a_name_as_long_as_the_system_takes_is_written(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 251 + ".csv")
    with whole(file) as draft:
        draft.write_text("a,b")
    assert file.read_text() == "a,b"
    with whole(tmp_path / ("n." + "e" * 253)) as draft:
        draft.write_text("a,b")
    assert len(list(tmp_path.iterdir())) == 2


def test_only_its_own_names_are_taken_for_drafts(tmp_path: Path) -> None:
    for name in (".notes.part", ".film.partial", "a.part", ".0123456789ab.part.png"):
        (tmp_path / name).touch()
    assert drafts(tmp_path) == [] and drafts(tmp_path / "none") == []


def test_a_change_that_fails_half_way_leaves_the_former_folder(tmp_path: Path, monkeypatch) -> None:
    target, replace, done = tmp_path / "sets", os.replace, []
    target.mkdir()
    (target / "old").touch()

    def fails(source: Path, place: Path) -> None:
        done.append(place)
        if len(done) == 2:
            raise OSError("No space left")
        replace(source, place)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="No space left"), whole(target) as draft:
        draft.mkdir()
        (draft / "new").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["sets", "sets/old"]
    assert done[1:] == [target, target]
