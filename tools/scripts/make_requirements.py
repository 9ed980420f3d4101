"""requirements.txt and requirements-dev.txt from pyproject.toml, the one place where dependencies are written (PEP 621, 735).

    python tools/scripts/make_requirements.py                      # writes both files
    python tools/scripts/make_requirements.py --print serve ray    # prints what these extras need (the Dockerfile does so)

It needs Python alone.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN = re.compile(r"tgvig\[([\w,-]+)\]")
"""How an extra names others."""
SPACE = """\
# Made by tools/scripts/make_requirements.py from pyproject.toml: change that. What a Hugging Face Space and a checkout need
# for the app and the command line, on CPython 3.11 and 3.12. Developed and tested at the upper end of each range.
"""
DEV = """\
# Made by tools/scripts/make_requirements.py from pyproject.toml: change that. What the tests, the checks and tools/ need too.
-r requirements.txt
"""


def read(file: Path = ROOT / "pyproject.toml") -> dict:
    """pyproject.toml."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


def lines_of(project: dict, extras: Sequence[str]) -> list[str]:
    """The requirements of some extras, those that they name included, each once; not those of every installation.

    Raises:
        KeyError: there is no such extra.
    """

    def each(names: Sequence[str]) -> Iterator[str]:
        for name in names:
            for line in project["project"]["optional-dependencies"][name]:
                found = OWN.fullmatch(line)
                yield from each(found[1].split(",")) if found else (line,)

    return list(dict.fromkeys(each(extras)))


def requirements(project: dict) -> str:
    """requirements.txt: every installation's, and those of the extra `space`."""
    return SPACE + "\n".join([*project["project"]["dependencies"], *lines_of(project, ["space"])]) + "\n"


def requirements_dev(project: dict) -> str:
    """requirements-dev.txt: the other extras', and the group `dev`."""
    there = requirements(project).splitlines()
    wanted = [*lines_of(project, ["all"]), *project["dependency-groups"]["dev"]]
    return DEV + "\n".join(line for line in wanted if line not in there) + "\n"


def main() -> None:
    """Write the files, or print what some extras need."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--print", nargs="*", metavar="EXTRA", help="write nothing, print what these extras need")
    project, extras = read(), parser.parse_args().print
    if extras is not None:
        print(*lines_of(project, extras), sep="\n")
        return
    (ROOT / "requirements.txt").write_text(requirements(project), encoding="utf-8")
    (ROOT / "requirements-dev.txt").write_text(requirements_dev(project), encoding="utf-8")


if __name__ == "__main__":
    main()
