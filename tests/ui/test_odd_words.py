"""Names, prompts, settings and file names that nobody would type: taken or refused in a sentence, and shown harmlessly."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tgvig_core.cli.console import _plain_console
from tgvig_core.inspection.inspector import Finding, Limits, Verdict, heatmap_names
from tgvig_core.inspection.verdict_log import opened
from tgvig_core.prompting.names import MAX_NAME, MAX_PROMPT, clean_name, clean_prompt
from tgvig_core.runs.settings import RunSettings
from tgvig_core.utils.csv_safe import guarded, plain
from tgvig_core.utils.errors import TgvigError, one_line
from tgvig_core.utils.typed import fitting
from tgvig_serve.bodies import harmless
from tgvig_ui.jobs.server import said
from tgvig_ui.parts.photo_names import storable, under_own_name
from tgvig_ui.parts.report import ReportFacts, write_report
from tgvig_ui.widgets.html import note

pytestmark = pytest.mark.quick

FORMULAS = "=+-@＝＋－＠\t\r\n"
HOSTILE = [
    "caf\udce9",
    "", " ", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "a;=1", "'=1", "''=1", "＝1",
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</div><b>", "&lt;b&gt;", "[bold]x[/bold]", "[/red]", ":smile:",
    "\x1b[31mred", "a\nb", "a\u2028b", "\u202egnp.exe", "\u2066x\u2069", "\0", "\ud800", "../../etc/passwd", "..\\..\\x", "C:\\x",
    "n" * 10_000, "שלום", "مسمار", "螺母", "🔩" * 70, "e\u0301" * 50, "%s%n{0}", "nut\x7f", "\ufeffnut", "ﬁ", "'; DROP TABLE",
]  # fmt: skip
odd = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=()), max_size=400))
cells = st.text(st.sampled_from("\"'=+-@;\t\r\nab＝＋"), max_size=12) | odd
quickly = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def on_disk(text: str) -> bool:
    """Whether a file can be called so: its bytes are any but 0, and those that are no text are low surrogates in Python."""
    return "\0" not in text and not any(0xD800 <= ord(sign) <= 0xDFFF for sign in text) or text == "caf\udce9"


def sentence(error: TgvigError) -> str:
    """A refusal's text, which stands in one line and moves no cursor."""
    text = str(error)
    assert text == one_line(text) and not any(ord(sign) < 32 or sign in "\x7f\u2028\u2029\u202e" for sign in text)
    assert len(text) < 1000
    return text


@quickly
@given(odd)
def test_a_parts_name_is_short_and_printable_or_refused(text: str) -> None:
    try:
        name = clean_name(text)
    except TgvigError as error:
        sentence(error)
    else:
        assert 0 < len(name) <= MAX_NAME and name.isprintable() and any(sign.isalpha() for sign in name)
        name.encode()  # no half of a surrogate pair, which no page could show


@quickly
@given(odd)
def test_a_prompt_is_one_short_line_or_refused_before_anything_begins(text: str) -> None:
    try:
        prompt = clean_prompt(text)
    except TgvigError as error:
        with pytest.raises(TgvigError):
            RunSettings(("a.png",), "nut", "out", prompt=text)
        sentence(error)
    else:
        assert 0 < len(prompt) <= MAX_PROMPT and prompt.isprintable() and "\n" not in prompt
        prompt.encode()


@quickly
@given(st.floats() | st.integers(), st.floats() | st.integers(-(2**70), 2**70), odd, odd)
@example(float("nan"), 0, "patchcore", "tgvig")
@example(0.05, 2**31, "patchcore", "tgvig")
def test_settings_are_in_range_or_refused(rate: float, seed: float, detector: str, arm: str) -> None:
    for values in ({"false_alarm": rate}, {"seed": seed}, {"detector": detector}, {"arm": arm}, {"rule": detector}):
        try:
            with fitting("choose another value"):  # as the library and the page do
                made = RunSettings(("a.png",), "nut", "out", **values)
        except TgvigError as error:
            sentence(error)
        else:
            assert 0 < made.false_alarm < 1 and 0 <= made.seed < 2**31
            assert made.detector == "patchcore" and made.rule in ("robust", "paper")


@quickly
@given(cells)
def test_no_cell_begins_a_formula_and_every_cell_comes_back(text: str) -> None:
    cell = guarded(text)
    assert cell[:1] not in tuple(FORMULAS)  # "" is in no tuple of signs
    for at, sign in enumerate(cell[:-1]):
        if sign in ";\t\r\n":
            assert cell[at + 1] not in FORMULAS
    assert plain(cell) == text
    assert guarded(1.5) == 1.5


def read_by(separator: str, rows: list[list[object]]) -> list[str]:
    """The cells that a spreadsheet finds in a table of commas if it parts columns otherwise."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    lines = io.StringIO(out.getvalue(), newline=None)  # a lone \r ends a line, too
    return [cell for row in csv.reader(lines, delimiter=separator) for cell in row]


@quickly
@given(cells, st.sampled_from(";\t"))
@example('x;"=1+1;y.png', ";")
@example('x\t"=1+1', "\t")
@example('x\n"=1+1', ";")
@example(";\"'=1", ";")
def test_no_other_way_to_part_columns_makes_a_formula(text: str, separator: str) -> None:
    """The cell in the first column and in a later one; where quotes come in pairs no more, a row's end goes before the next."""
    for cell in read_by(separator, [["nut", guarded(text)], [guarded(text), "nut"]]):
        assert cell.lstrip("\r\n")[:1] not in tuple(FORMULAS)
    assert plain(guarded(text)) == text


def test_an_ordinary_cell_is_left_alone() -> None:
    for text in ("photo 1.png", "a nut; used with a bolt", "it's", "a=b", "x-y", "'quoted'", "5 µm"):
        assert guarded(text) == text


@quickly
@given(st.lists(odd.filter(on_disk), min_size=1, max_size=4))
def test_the_tables_of_verdicts_hold_no_formula_and_all_names(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, limits = Path(scratch), Limits(1.0, 1.0, 2.0)
        with opened(folder, limits) as judged:
            for name in names:
                judged.add(Verdict(Path(name), Finding(0.5, 0.2, False, None), error=name))
        with (folder / "scores.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.DictReader(file))
            assert [plain(row["path"]) for row in rows] == [str(Path(name)) for name in names]
            assert not any(cell[:1] and cell[0] in FORMULAS for row in rows for cell in row.values())
        lines = (folder / "scores.jsonl").read_text().splitlines()
        assert [json.loads(line)["path"] for line in lines] == [str(Path(name)) for name in names]


class Seen(HTMLParser):
    """The tags and the text that a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data: str) -> None:
        self.text += data


@quickly
@given(odd)
def test_the_page_shows_a_text_and_runs_nothing_of_it(text: str) -> None:
    boxed = Seen(note(text))
    assert [tag for tag, _ in boxed.tags] == (["div"] if text else [])
    message = Seen(said(text))
    assert message.tags == []
    if "\0" not in text and "\r" not in text:  # which HTML has no place for
        assert boxed.text == text and message.text == text


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_the_report_shows_a_text_and_runs_nothing_of_it(tmp_path: Path, text: str) -> None:
    facts = ReportFacts(text, text, text, text, text, text, text, (), None, (), 1.0, text, (), (text,))
    write_report(tmp_path / "report.html", facts)
    page = Seen((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not {tag for tag, _ in page.tags} & {"script", "img", "b", "object", "iframe"}
    assert not any(name.startswith("on") for _, names in page.tags for name in names)
    assert text in page.text


@quickly
@given(odd)
def test_a_photos_name_can_be_stored_and_shown(text: str) -> None:
    name = storable(text)
    assert name.isprintable() and len(f"0000_{name}".encode()) <= 255 and len(name) <= 80
    assert harmless(text).isprintable() and len(harmless(text)) <= 80


@quickly
@given(st.lists(st.tuples(odd, odd), min_size=1, max_size=5))
def test_every_heatmap_gets_a_name_that_a_disk_takes(pairs: list[tuple[str, str]]) -> None:
    def part(text: str) -> str:
        return "".join(sign for sign in text if sign not in "/\0" and not 0xD800 <= ord(sign) <= 0xDFFF)[:200] or "x"

    paths = [Path("x") / part(folder) / f"{part(name)}.png" for folder, name in pairs]
    names = list(heatmap_names(paths))
    assert len({name.casefold() for name in names}) == len(paths)
    assert all(len(os.fsencode(name)) <= 255 and "/" not in name for name in names)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_command_line_prints_what_it_is_given_and_no_markup(text: str) -> None:
    out = io.StringIO()
    console = _plain_console()
    console.file = out
    shown = one_line(text).encode(errors="backslashreplace").decode()
    console.print(f"Note {shown}")
    assert out.getvalue() == f"Note {shown}\n"


def test_a_name_cannot_break_a_sentence_in_two() -> None:
    path = Path("/uploads/a\nb\x1b[2J\u202egnp.png")
    error = TgvigError(f"{path} is empty; copy it again.")
    assert str(error) == "/uploads/a\\nb\\x1b[2J\\u202egnp.png is empty; copy it again."
    assert under_own_name(error, path) == "a\\nb\\x1b[2J\\u202egnp.png is empty; copy it again."
