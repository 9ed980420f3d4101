"""The house as the docs show it: every room is named, the picture holds all of them, and the README stays short."""

import re
from pathlib import Path

import pytest

from tools.scripts import draw_rooms

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)[1]  # below the Space's settings


def folders(package: str) -> list[str]:
    """The package's folders that hold code, as `models/encoders`."""
    files = (ROOT / package).rglob("*.py")
    return sorted({file.parent.relative_to(ROOT / package).as_posix() for file in files} - {"."})


@pytest.mark.parametrize("package", ["tgvig_core", "tgvig_ui"])
def test_every_room_has_its_line(package):
    assert len(folders(package)) > 8
    missing = [folder for folder in folders(package) if f"`{folder}`" not in DOC]
    assert not missing, f"docs/architecture.md does not name {missing} of {package}"


def test_no_line_is_of_a_room_that_is_gone():
    for name in re.findall(r"^\| `([\w/]+)`(?:, `[\w/]+`)* \|", DOC, re.M):
        assert any((ROOT / place / name).is_dir() for place in ("tgvig_core", "tgvig_ui", ".")), name


def test_the_picture_holds_every_room():
    shown = set(re.findall(r"<title>([\w/.]+)</title>", (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")))
    assert shown == set(draw_rooms.imports()), "draw it again: python -m tools.scripts.draw_rooms"


def test_arrows_that_follow_from_others_are_left_away_and_a_circle_is_named():
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert draw_rooms.reduced(graph) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert draw_rooms.heights(graph) == {"a": 2, "b": 1, "c": 0}
    with pytest.raises(ValueError, match="a → b → c → a"):
        draw_rooms.heights(graph | {"c": {"a"}})


@pytest.mark.parametrize("file", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))])
def test_every_python_file_that_is_named_is_there(file):
    files = [
        f"/{path.relative_to(ROOT)}"
        for top in ("tgvig_*", "tests", "tools")
        for place in ROOT.glob(top)
        for path in place.rglob("*.py")
    ]
    for name in re.findall(r"(?<![\w./])[\w./]*\w\.py\b", (ROOT / file).read_text(encoding="utf-8")):
        assert name == "app.py" or any(path.endswith(f"/{name}") for path in files), name


def test_the_readme_is_short_and_has_one_picture():
    assert len(README.split()) <= 900
    assert README.count("![") == 1
