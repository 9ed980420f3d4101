"""What can be chosen by name (as timm's registry does it): a decorator in the file that defines a thing, and nothing else.

    detector = Registry("detector", "tgvig_core.detectors")

    @detector("patchcore", title="PatchCore")
    class PatchCore: ...

Names and titles are read from the decorators as text, so that a help page lists them before torch has loaded; the file is
imported when its thing is asked for. A decorator's arguments are therefore literals. Other distributions add to a registry by
an entry point of the group `tgvig.plugins` that names their module.
"""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from tgvig_core.utils.errors import TgvigError

T = TypeVar("T")
PLUGINS = "tgvig.plugins"
"""Entry points of this group name modules with more detectors, generators and so on."""


@dataclass(frozen=True)
class Entry:
    """What is known of a registered thing before its file is imported.

    Attributes:
        name: what commands, files and programs call it.
        title: what people read.
        module: the file that defines it, as a dotted name.
        facts: the decorator's other arguments.
    """

    name: str
    title: str
    module: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Registry(Generic[T]):
    """The things of one kind, by name.

    Args:
        what: the kind in the singular, as an error says it, and the decorator's name in the files.
        package: the package whose files (and those of its folders) are searched; its own order by path and line, unless a
            decorator says `order=`.
    """

    def __init__(self, what: str, package: str) -> None:
        self.what, self.package = what, package
        self._made: dict[str, tuple[Entry, T]] = {}

    def __call__(self, name: str, *, title: str, **facts: Any) -> Callable[[T], T]:
        """Register what is decorated under a name, with the title that people read."""

        def keep(made: T) -> T:
            module = getattr(made, "__module__", self.package)
            self._made[name] = (Entry(name, title, module, facts), made)
            return made

        return keep

    def entries(self) -> dict[str, Entry]:
        """All that can be chosen, by name, without importing it."""
        known = {entry.name: entry for entry in self._written}
        known |= {name: entry for name, (entry, _) in self._made.items()}
        return dict(sorted(known.items(), key=lambda item: item[1].facts.get("order", 0)))

    def names(self) -> tuple[str, ...]:
        """The names, in the order in which people are shown them."""
        return tuple(self.entries())

    def title(self, name: str) -> str:
        """What people read for a name.

        Raises:
            TgvigError: there is no such thing.
        """
        return self.entry(name).title

    def entry(self, name: str) -> Entry:
        """What is known of a name.

        Raises:
            TgvigError: there is no such thing; the message lists what there is.
        """
        known = self.entries()
        if name not in known:
            raise TgvigError(f"There is no {self.what} {name!r}: choose one of {', '.join(known)}.")
        return known[name]

    def get(self, name: str) -> T:
        """The thing itself; its file is imported now.

        Raises:
            TgvigError: there is no such thing.
        """
        entry = self.entry(name)
        if name not in self._made:
            importlib.import_module(entry.module)
        return self._made[name][1]

    def name_of(self, made: T) -> str:
        """The name under which a thing was registered.

        Raises:
            TgvigError: it was not.
        """
        for name, (_, known) in self._made.items():
            if known is made:
                return name
        raise TgvigError(f"{made!r} is no registered {self.what}: give it a name with @{self.what}(…).")

    @functools.cached_property
    def _written(self) -> tuple[Entry, ...]:
        """What stands in the package's files and in plugins."""
        word = self.what.replace(" ", "_")
        return tuple(entry for module, file in self._files() for entry in _decorated(word, module, file))

    def _files(self) -> Iterator[tuple[str, Path]]:
        spec = find_spec(self.package)
        for place in spec.submodule_search_locations or () if spec else ():
            for file in sorted(Path(place).rglob("*.py")):
                inside = file.relative_to(place).with_suffix("").parts
                yield ".".join((self.package, *inside)).removesuffix(".__init__"), file
        for plugin in metadata.entry_points(group=PLUGINS):
            spec = find_spec(plugin.module)
            if spec and spec.origin:
                yield plugin.module, Path(spec.origin)


def _decorated(word: str, module: str, file: Path) -> Iterator[Entry]:
    """The entries that a file's decorators `@word("name", title="…")` write."""
    text = file.read_text(encoding="utf-8")
    if f"@{word}(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        for call in getattr(node, "decorator_list", ()):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == word:
                name = ast.literal_eval(call.args[0])
                given = {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg}
                yield Entry(name, given.pop("title"), module, given)
