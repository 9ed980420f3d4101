"""Templates: every value is escaped, a name that is missing is an error, both packages' own are found, no torch is needed."""

import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, UndefinedError
from photos import noise

from tgvig_core.photos.images import save_png
from tgvig_core.reports import pages
from tgvig_core.reports.label_figures import FIGURES, label_figures
from tgvig_core.reports.pictures import picture

pytestmark = pytest.mark.quick

HOSTILE = "<script>alert('1')</script> & \"M8\""


def test_every_template_compiles_and_asks_nothing_of_any_network():
    for package in ("tgvig_core.reports", "tgvig_serve"):
        made = pages.environment(package)
        names = made.list_templates()
        assert {"base.html", "macros.html", "drawings.html"} <= set(names)
        for name in names:
            source = made.loader.get_source(made, name)[0]
            made.get_template(name)
            assert "<script" not in source and "url(" not in source and "@import" not in source
            assert not {"http:", "https:"} & set(source.replace('"', " ").split())
            assert "|safe }}" not in source.replace('"<i>not recorded</i>"|safe }}', "")  # our own words alone


def test_a_value_is_escaped_and_one_that_is_missing_is_an_error():
    made = pages.environment().overlay(loader=DictLoader({"a": "<p title='{{ name }}'>{{ name }}</p>"}))
    shown = made.get_template("a").render(name=HOSTILE)
    assert "<script" not in shown and shown.count("&lt;script&gt;alert(&#39;1&#39;)") == 2
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        made.get_template("a").render()


def test_pictures_are_read_only_as_the_page_is_written(tmp_path, monkeypatch):
    """Memory does not grow with their number: a piece goes to the file before the next picture is read."""
    read = []
    monkeypatch.setitem(pages.environment().globals, "picture", lambda path, side: read.append(path))
    made = pages.environment().overlay(
        loader=DictLoader({"a": "{% for name in names %}{{ picture(name, 1) }}{{ name }},{% endfor %}"})
    )
    pieces = made.get_template("a").generate(names=["1", "2", "3"])
    assert next(pieces) is not None and len(read) == 1
    assert "".join(map(str, pieces)) and len(read) == 3


def test_a_picture_keeps_its_shape_and_is_none_where_it_cannot_be_read(tmp_path):
    save_png(noise(0, 300, 900), tmp_path / "a.png")
    made = picture(tmp_path / "a.png", 90)
    assert (made.width, made.height) == (90, 30) and made.source.startswith("data:image/jpeg;base64,")
    assert picture(Path("no such file"), 90) is None


def test_figures_come_in_their_order_and_only_what_was_measured():
    found = label_figures({"miss": 0.25, "image_auroc": 0.5, "pro": None, "other": 1.0})
    assert [(figure.name, figure.value, figure.rate) for figure in found] == [
        ("Image AUROC", 0.5, False),
        ("Missed defects", 0.25, True),
    ]
    assert len(FIGURES) == 6


def test_the_pages_of_the_server_need_no_torch():
    code = "import sys; from tgvig_serve import docs_page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code]).returncode == 0
