"""Parts on disk: ids that try to leave the folder, limits that copy nothing, choices of other versions, order."""

import json
import os
from pathlib import Path

import gradio as gr
import pytest

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.server import plain
from tgvig_ui.parts import part as part_module
from tgvig_ui.parts.choices import Choices
from tgvig_ui.parts.store import Store

pytestmark = pytest.mark.quick


@pytest.fixture
def parts(tmp_path) -> Store:
    return Store(tmp_path / "parts")


def files(folder: Path, count: int, size: int = 3) -> list[Path]:
    folder.mkdir(exist_ok=True)
    made = [folder / f"{place}.png" for place in range(count)]
    for file in made:
        file.write_bytes(b"x" * size)
    return made


def test_a_new_part_is_found_by_its_id_and_empty(parts):
    part = parts.new()
    assert parts.part(part.id) == part
    assert part.choices == Choices()
    assert (part.photos(), part.tests(), part.generations()) == ([], [], [])


@pytest.mark.parametrize(
    "id",
    ["", None, "..", "../outside00", "../../etc/passwd", "/etc", "0" * 11, "0" * 13, "0" * 12 + "\n", "ABCDEF012345"],
)
def test_only_ids_that_the_store_gives_out_reach_the_disk(parts, id):
    outside = parts.root.parent / "outside00"
    outside.mkdir()
    for folder in (outside, parts.root, parts.root.parent):
        (folder / "part.json").write_text("{}")
    assert parts.part(id) is None


def test_an_id_of_the_right_form_without_a_part_gives_none(parts):
    assert parts.part("0" * 12) is None
    (parts.root / ("0" * 12)).mkdir()  # a folder, but no part in it
    assert parts.part("0" * 12) is None


def test_choices_keep_their_values_and_types(parts):
    part = parts.new()
    part.choose(words=("steel", "thread"), left_out=(1, 3), decisions={"a.png": "OK"}, threshold=1.5)
    held = parts.part(part.id).choose(prompt="a nut with thread")
    assert held.words == ("steel", "thread") and held.left_out == (1, 3) and held.decisions == {"a.png": "OK"}
    assert held.threshold == 1.5 and held.prompt == "a nut with thread" and parts.part(part.id).choices == held


def test_fields_of_another_version_are_passed_over(parts):
    part = parts.new()
    part.choose(object_name="nut")
    file = part.folder / "part.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"colour": "red", "layers": [1, 2]}))
    assert part.choices == Choices(object_name="nut")


def test_a_broken_file_of_choices_is_an_empty_one(parts):
    part = parts.new()
    (part.folder / "part.json").write_text('{"object_name": "nu')
    assert part.choices == Choices()


def test_photos_keep_their_order_and_names_that_are_the_same_do_not_collide(parts, tmp_path):
    part = parts.new()
    first, second = files(tmp_path / "a", 1), files(tmp_path / "b", 1)
    part.add_photos(first)
    part.add_photos(second)
    assert [photo.name for photo in part.photos()] == ["0000_0.png", "0001_0.png"]


def test_a_photo_that_comes_after_a_removed_one_replaces_none(parts, tmp_path):
    part = parts.new()
    given = files(tmp_path / "given", 3)
    kept = part.add_photos(given)
    kept[0].unlink()
    (tmp_path / "more").mkdir()
    more = tmp_path / "more" / "2.png"
    more.write_bytes(b"another")
    part.add_photos([more])
    assert len(part.photos()) == 3 and kept[2].read_bytes() == b"xxx"


@pytest.mark.parametrize(("folder", "limit"), [("photos", "MAX_PHOTOS"), ("tests/test", "MAX_TESTS")])
def test_too_many_photos_are_refused_and_none_is_copied(parts, tmp_path, monkeypatch, folder, limit):
    monkeypatch.setattr(part_module, limit, 3)
    part = parts.new()
    part.add_photos(files(tmp_path / "given", 2), folder)
    with pytest.raises(TgvigError, match="4 photos are more than the 3"):
        part.add_photos(files(tmp_path / "given", 2), folder)
    assert len(list((part.folder / folder).iterdir())) == 2


def test_too_many_bytes_are_refused_and_none_is_copied(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(part_module, "MAX_BYTES", 10_000)
    part = parts.new()
    part.add_photos(files(tmp_path / "given", 1, 4000))
    with pytest.raises(TgvigError, match="GB"):
        part.add_photos(files(tmp_path / "given", 2, 4000), "tests/test")
    assert len(part.photos()) == 1 and part.tests() == []


def test_recent_parts_come_newest_first_without_those_that_have_no_photo(parts, tmp_path):
    given, made = files(tmp_path / "given", 1), [parts.new() for _ in range(4)]
    for age, part in enumerate(made[:3]):
        part.add_photos(given)
        os.utime(part.folder / "part.json", (1e9 - age, 1e9 - age))
    assert parts.recent() == made[:3]
    made[2].choose(object_name="nut")  # touched: now the newest
    assert parts.recent(2) == [made[2], made[0]]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TgvigError, match="--runs"):
        Store(tmp_path / "file" / "parts")


def test_a_disk_that_fails_is_one_sentence_in_the_page():
    @plain
    def full():
        raise OSError(28, "No space left on device")

    with pytest.raises(gr.Error, match=r"No space left on device.*check its disk"):
        full()
