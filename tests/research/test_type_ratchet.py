"""The number of type errors may only fall; mypy itself is asked by `make types`."""

import json

from tools.scripts.check_types import ALLOWED, ROOT, compared, counted

OUTPUT = """tgvig_ui/a.py:1: error: Incompatible types  [assignment]
tgvig_ui/a.py:1: note: see there
tools/x/b.py:2:3: error: No attribute  [attr-defined]
tgvig_ui/b.py:9: error: Missing argument  [call-arg]
Found 3 errors in 3 files (checked 9 source files)
"""


def test_errors_are_counted_by_package():
    assert counted(OUTPUT) == {"tgvig_ui": 2, "tools": 1}


def test_more_errors_fail_and_fewer_ask_for_a_lower_number():
    assert compared({"tgvig_ui": 2}, {"tgvig_ui": 2, "tools": 0}) == []
    more, fewer = compared({"tgvig_core": 1, "tools": 1}, {"tgvig_core": 0, "tools": 3})
    assert more == "tgvig_core has 1 type errors, 1 more than before: mend what is new."
    assert fewer == "tools has 1 type errors, not 3 any more: write 1 into type_errors.json."


def test_what_is_written_down_is_of_packages_that_are_there():
    assert all((ROOT / package).is_dir() for package in json.loads(ALLOWED.read_text()))
