"""constraints.txt: the one version of every package with which the tests were run, for Python 3.11 and 3.12 alike.

    .venv/bin/python -m tools.scripts.make_constraints     # from what is installed in .venv

`make setup` and CI install with it (`pip install -c constraints.txt ...`), so that a release of somebody else's changes
nothing overnight. It holds what requirements-dev.txt leads to, whatever else lies in the environment. To take newer
versions: `.venv/bin/pip install -U -r requirements-dev.txt`, run the tests, then this.
"""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.scripts.make_requirements import ROOT, lines_of, read

HEAD = """\
# Made by tools/scripts/make_constraints.py from the environment in which the tests were run; Python 3.11 and 3.12.
#   pip install -c constraints.txt -r requirements-dev.txt
"""


def reached(wanted: list[str]) -> dict[str, str]:
    """The version of every installed package that some requirements lead to, by its normalised name.

    Raises:
        PackageNotFoundError: one that this Python needs is not installed.
    """
    found: dict[str, str] = {}
    waiting = [(Requirement(line), frozenset({""})) for line in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, asked = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        needed = not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in asked)
        if not needed or (name, extras) in seen:
            continue
        seen.add((name, extras))
        about = metadata.distribution(name)
        found[name] = about.version
        waiting += [(Requirement(line), extras | {""}) for line in about.requires or ()]
    return found


def main() -> None:
    """Write the file."""
    project = read()
    wanted = [*project["project"]["dependencies"], *lines_of(project, ["all"]), *project["dependency-groups"]["dev"]]
    lines = [f"{name}=={version}" for name, version in sorted(reached(wanted).items())]
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
