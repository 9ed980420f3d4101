"""Read a Dockerfile and a .dockerignore as Docker's builder does, as far as this project's go: no here-documents, no ADD."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Step:
    """One instruction: its name in capitals and what follows, continued lines joined and comments left out."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The JSON form's list, else the words."""
        return json.loads(self.text) if self.text.startswith("[") else self.text.split()


@dataclass(frozen=True)
class Stage:
    """What follows one FROM. base: the image or stage that it is built on."""

    base: str
    name: str
    steps: tuple[Step, ...]


def steps(text: str) -> Iterator[Step]:
    """The instructions in their order."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield Step(name.upper(), rest.strip())


def expanded(text: str, values: Mapping[str, str]) -> str:
    """$NAME and ${NAME} replaced; "" where there is no such value."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], ""), text)


def pairs(step: Step) -> dict[str, str]:
    """NAME=value pairs of an ENV or ARG."""
    found = re.findall(r'(\w+)(?:=("[^"]*"|\S*))?', step.text)
    return {name: value.strip('"') for name, value in found}


def stages(text: str, arguments: Mapping[str, str]) -> dict[str, Stage]:
    """By name ("" for the last one, where it has none), with the build arguments that stand before the first FROM."""
    found: dict[str, Stage] = {}
    values: dict[str, str] = {}
    base, name, own = "", "", []
    for step in (*steps(text), Step("FROM", "")):
        if step.name != "FROM":
            if base:
                own.append(step)
            else:
                values |= {key: arguments.get(key, value) for key, value in pairs(step).items()}
            continue
        if base:
            found[name] = Stage(base, name, tuple(own))
        base, _, name = re.sub(r"\s+AS\s+", " ", expanded(step.text, values), flags=re.I).partition(" ")
        own = []
    return found


def line_of(text: str, arguments: Mapping[str, str]) -> tuple[str, tuple[Step, ...]]:
    """The image that the last stage rests on in the end, and all steps from there to the last."""
    found = stages(text, arguments)
    stage, done = list(found.values())[-1], ()
    while True:
        done = (*stage.steps, *done)
        if stage.base not in found:
            return stage.base, done
        stage = found[stage.base]


def kept(context: Path, rules: str) -> list[Path]:
    """The files of a build context that .dockerignore lets through, as paths relative to it."""
    patterns = [line.strip() for line in rules.splitlines() if line.strip() and not line.startswith("#")]
    compiled = [(not line.startswith("!"), _pattern(line.lstrip("!"))) for line in patterns]
    found = []
    for top in sorted(context.iterdir()):
        back = any(line.startswith(f"!{top.name}/") for line in patterns)
        if top.is_symlink() or (_left_out(Path(top.name), compiled) and not back):
            continue  # .venv has too many files to look at each
        files = [top] if top.is_file() else (file for file in sorted(top.rglob("*")) if file.is_file())
        found += [path for file in files if not _left_out(path := file.relative_to(context), compiled)]
    return found


def _left_out(path: Path, rules: list[tuple[bool, re.Pattern]]) -> bool:
    """The last rule that fits the path or a folder above it decides."""
    places = [str(place) for place in (PurePosixPath(path), *PurePosixPath(path).parents)][:-1]
    fitting = [out for out, pattern in rules if any(pattern.fullmatch(place) for place in places)]
    return bool(fitting) and fitting[-1]


def _pattern(rule: str) -> re.Pattern:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", rule.strip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))
