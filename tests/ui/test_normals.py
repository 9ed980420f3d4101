"""Step 1 without a browser: the photo that is removed is the selected one, and photos are called what the person calls them."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import gradio as gr
import numpy as np
import pytest
from made_cards import card_json
from made_parts import photo_files, server_of
from photos import noise
from PIL import Image

from tgvig_core.photos.images import read_normals, save_png
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.parts.photo_names import own_names, with_own_names
from tgvig_ui.steps.photos import events as normals_events
from tgvig_ui.steps.photos import view as normals
from tgvig_ui.steps.train import view as training

pytestmark = pytest.mark.quick


@pytest.fixture
def server(tmp_path):
    return server_of(tmp_path)


@pytest.fixture
def part(server):
    made = server.store.new()
    made.add_photos(photo_files(server.store.root.parent / "given", 1, 2, 3))
    return made


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> gr.Blocks:
    server = server_of(tmp_path_factory.mktemp("page"))
    with gr.Blocks() as made:
        made.step = normals.build(server)
        normals_events.wire(server, made.step, gr.State(""))
    return made


@pytest.fixture
def step(page):
    return page.step


def shown_notes(step, part) -> str:
    return re.sub(r"<[^>]+>", " ", normals.show(step, part)[step.notes])


def click(server, part, place: int):
    return normals_events.pick(server, part.id, SimpleNamespace(index=place))


def test_removing_twice_removes_only_the_photo_that_was_selected(server, part):
    picked = click(server, part, 1)
    assert normals_events.forget(server, part.id, picked) is None
    with pytest.raises(TgvigError, match="No photo is selected"):
        normals_events.forget(server, part.id, picked)
    assert [path.name for path in part.photos()] == ["0000_photo1.png", "0002_photo3.png"]


def test_a_photo_selected_in_one_part_is_not_selected_in_another(server, part):
    other = server.store.new()
    other.add_photos(photo_files(server.store.root.parent / "given", 1, 2, 3))
    with pytest.raises(TgvigError, match="No photo is selected"):
        normals_events.forget(server, other.id, click(server, part, 0))
    assert len(part.photos()) == len(other.photos()) == 3


def test_a_click_beyond_the_photos_that_are_left_selects_none(server, part):
    assert click(server, part, 3) is None


def test_after_a_removal_the_page_forgets_the_selection(page, step):
    (removing,) = [fn for fn in page.fns.values() if fn.name == "forget"]
    assert removing.outputs == [step.picked]


def test_a_visitor_elsewhere_cannot_have_the_servers_disk_read(tmp_path):
    server = server_of(tmp_path, local=False)
    (photo,) = photo_files(tmp_path / "secret", 3)
    for path in (photo.parent, photo, tmp_path / "nothing"):
        with pytest.raises(TgvigError, match="upload the photos instead"):
            normals_events.from_path(server, "", str(path))
    assert list(server.store.root.iterdir()) == []


ORANGE = (230, 120, 20)


def note_odd(part, place: int) -> None:
    """What the comparison leaves when the photo at this place is odd."""
    photos = read_normals(part.photos()).photos
    path = photos[place].path
    told = {"path": str(path), "kind": "odd", "text": f"{path.name} does not look like the other photos.",
            "heatmap": f"odd/{path.name}"}  # fmt: skip
    (part.folder / "odd").mkdir()
    save_png(np.full((480, 640, 3), ORANGE, dtype=np.uint8), part.folder / "odd" / path.name)
    held = {"photos": [photo.sha256 for photo in photos], "notes": [told]}
    (part.folder / "odd" / "notes.json").write_text(json.dumps(held))


def test_a_note_about_an_odd_photo_goes_with_the_photos_that_it_was_said_of(part, step):
    before = normals.token(part)
    note_odd(part, 1)
    assert normals.token(part) != before
    assert " photo2.png does not look like" in shown_notes(step, part)
    part.photos()[1].unlink()
    assert "does not look like" not in shown_notes(step, part)


def test_an_odd_photo_is_shown_under_its_heatmap_small_and_with_the_way_to_leave_it_out(part, step):
    note_odd(part, 1)
    html = normals.show(step, part)[step.notes]
    (source,) = re.findall(r'<img src="/gradio_api/file=([^"]+)"', html)
    picture = Path(unquote(source))
    assert picture.parent == part.folder / "thumbs"
    with Image.open(picture) as shown:
        assert shown.size == (320, 240)
        assert np.asarray(shown).mean((0, 1)) == pytest.approx(ORANGE, abs=3)
    assert 'alt="Heatmap: where photo2.png is unlike the other photos"' in html
    assert "press “Remove the selected photo”" in html and "0001_" not in re.sub(r'src="[^"]*"', "", html)


def test_step_4_warns_of_an_odd_photo_that_a_detector_has_learned_from(part):
    with gr.Blocks():
        step = training.build()
    part.choose(generation=1)
    model = part.generation(1) / "model"
    model.mkdir(parents=True)
    card = card_json("real", 2.0)
    (model / "model.json").write_text(json.dumps(card))
    assert "tg-warn" not in training.show(step, part)[step.result]
    before = training.token(part)
    note_odd(part, 1)
    warned = training.token(part)
    assert warned != before
    said = '<div class="tg-warn">photo2.png does not look like the other photos. Step 1 shows where.</div>'
    assert said in training.show(step, part)[step.result]
    part.photos()[1].unlink()
    assert training.token(part) != warned and "tg-warn" not in training.show(step, part)[step.result]


def test_a_duplicate_is_refused_in_the_persons_own_names(server, part, tmp_path):
    copy = tmp_path / "upload" / "9f3e" / "copy.bmp"
    copy.parent.mkdir(parents=True)
    Image.fromarray(noise(2)).save(copy)
    with pytest.raises(TgvigError) as refused:
        normals_events.add(server, part.id, [str(copy)])
    assert str(refused.value).startswith("photo2.png and copy.bmp are the same photo")
    assert len(part.photos()) == 3
    with pytest.raises(TgvigError) as refused:
        normals_events.add(server, "", [str(copy), str(copy)])
    assert str(refused.value).startswith("copy.bmp (photo 1) and copy.bmp (photo 2) are the same photo")
    assert [made.name for made in server.store.root.iterdir()] == [part.id]


def test_notes_name_a_photo_once_and_as_the_person_does(server, part, step, tmp_path):
    small = tmp_path / "0007_small.png"
    save_png(noise(4, 100, 200), small)
    part.add_photos([small])
    text = shown_notes(step, part)
    assert " 0007_small.png is small" in text and "0003_" not in text
    assert text.count("0007_small.png is small") == 1 and "0007_small.png: " not in text


def test_photos_that_share_a_name_are_told_apart(part, step, tmp_path):
    (again,) = photo_files(tmp_path / "more", 2)
    save_png(noise(5), again)
    part.add_photos([again])
    captions = [picture["caption"] for picture in normals.show(step, part)[step.gallery].value]
    assert captions == ["photo1.png", "photo2.png (photo 2)", "photo3.png", "photo2.png (photo 4)"]


def test_photos_that_are_there_twice_are_shown_so_that_one_can_be_removed(part, step):
    part.add_photos([part.photos()[0]])  # as an earlier version did on a second press of “Add the photos marked OK”
    shown = normals.show(step, part)
    assert len(shown[step.gallery].value) == 4
    assert "are the same photo, pixel for pixel; remove one of them." in shown[step.notes]
    assert str(part.folder) not in shown[step.notes]


def test_own_names_replace_stored_ones_whole(tmp_path):
    photos = [tmp_path / "0000_0001_a.jpg", tmp_path / "0001_a.jpg"]
    assert own_names(photos) == {photos[0]: "0001_a.jpg", photos[1]: "a.jpg"}
    text = f"{photos[0]} is small; 0001_a.jpg is dark."
    assert with_own_names(text, photos) == "0001_a.jpg is small; a.jpg is dark." and with_own_names("a", []) == "a"
