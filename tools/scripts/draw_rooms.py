"""The picture of docs/architecture.md: the rooms of core, page and server, with an arrow for what each truly imports.

An import that is implied by others is not drawn (transitive reduction: Aho, Garey and Ullman, SIAM J. Computing 1972).

    python -m tools.scripts.draw_rooms            # writes docs/rooms.svg
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import typer

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "rooms.svg"
CORE, PAGE, SERVER = "tgvig_core", "tgvig_ui", "tgvig_serve"
WIDE, HIGH, ACROSS, DOWN, MARGIN = 104, 30, 14, 34, 16
"""Of a box, between two boxes, and around everything, px."""
COLOURS = {CORE: ("#e1f0fa", "#0072b2"), PAGE: ("#fdf1dc", "#a56a00"), SERVER: ("#e3f4ec", "#007a57")}

Graph = dict[str, set[str]]


def room_of(module: str) -> str:
    """`tgvig_core.photos.images` → `tgvig_core/photos`; the server, which has no rooms, is one. A file outside all rooms: ""."""
    package, _, rest = module.partition(".")
    if package == SERVER:
        return package
    room = rest.partition(".")[0]
    return f"{package}/{room}" if (ROOT / package / room).is_dir() and room else ""


def imports() -> Graph:
    """For every room the rooms that its files import, those inside functions too, those for type checkers alone not."""
    found: Graph = {}
    for package in (CORE, PAGE, SERVER):
        for file in sorted((ROOT / package).rglob("*.py")):
            if room := room_of(".".join(file.relative_to(ROOT).with_suffix("").parts)):
                tree = ast.parse(file.read_text(encoding="utf-8"))
                found.setdefault(room, set()).update(map(room_of, _imported(tree)))
    return {room: others - {room, ""} for room, others in found.items()}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tgvig_"):
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("tgvig_"))
        yield from _imported(node)


def heights(graph: Graph) -> dict[str, int]:
    """How many rooms lie below one another under each room.

    Raises:
        ValueError: rooms import each other in a circle.
    """
    found: dict[str, int] = {}

    def height(room: str, way: tuple[str, ...]) -> int:
        if room in way:
            raise ValueError(f"A circle of imports: {' → '.join((*way[way.index(room) :], room))}")
        if room not in found:
            found[room] = max((height(other, (*way, room)) + 1 for other in sorted(graph[room])), default=0)
        return found[room]

    for room in graph:
        height(room, ())
    return found


def reduced(graph: Graph) -> Graph:
    """The graph without the arrows that are implied by others."""

    def reach(room: str) -> set[str]:
        return graph[room].union(*(reach(other) for other in graph[room]))

    return {
        room: {other for other in others if not any(other in reach(another) for another in others - {other})}
        for room, others in graph.items()
    }


def places(level: Mapping[str, int], arrows: Graph) -> dict[str, tuple[float, float]]:
    """Where each box begins: a row for each height, the core at the left, what stands on it at the right; in a row each box is
    as near as can be to the middle of what it stands on (barycentres, Sugiyama, Tagawa and Toda 1981)."""
    found: dict[str, tuple[float, float]] = {}
    begin, top = float(MARGIN), max(level.values())
    for core in (True, False):
        rows: dict[int, list[str]] = {}
        for room in sorted(room for room in level if room.startswith(CORE) == core):
            rows.setdefault(level[room], []).append(room)
        widest = max(map(len, rows.values()))
        for height in sorted(rows):
            row = sorted(
                rows[height], key=lambda room: _middle([found[other][0] for other in arrows[room] if other in found])
            )
            left = begin + (widest - len(row)) * (WIDE + ACROSS) / 2
            for place, room in enumerate(row):
                found[room] = (left + place * (WIDE + ACROSS), MARGIN + (top - height) * (HIGH + DOWN))
        begin += widest * (WIDE + ACROSS) + ACROSS
    return found


def _middle(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def drawing() -> str:
    """The SVG.

    Raises:
        ValueError: rooms import each other in a circle.
    """
    graph = imports()
    arrows = reduced(graph) if heights(graph) else {}
    where = places(heights(graph), arrows)
    width, height = (
        max(place[axis] for place in where.values()) + side + MARGIN for axis, side in ((0, WIDE), (1, HIGH))
    )
    lines = [_arrow(where[room], where[other]) for room in sorted(arrows) for other in sorted(arrows[room])]
    boxes = [_box(room, *where[room]) for room in sorted(where)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        'aria-label="The rooms of tgvig and what each imports" font-family="sans-serif" font-size="13">\n'
        '<defs><marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L6 3L0 6z" fill="#7b8794"/></marker></defs>\n'
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>\n'
        '<g fill="none" stroke="#7b8794" marker-end="url(#tip)">\n'
        + "\n".join(lines)
        + "\n</g>\n"
        + "\n".join(boxes)
        + "\n</svg>\n"
    )


def _arrow(above: tuple[float, float], below: tuple[float, float]) -> str:
    return f'<path d="M{above[0] + WIDE / 2:.0f} {above[1] + HIGH}L{below[0] + WIDE / 2:.0f} {below[1] - 4}"/>'


def _box(room: str, x: float, y: float) -> str:
    package, _, name = room.partition("/")
    fill, edge = COLOURS[package]
    return (
        f'<g><title>{escape(room)}</title><rect x="{x:.0f}" y="{y}" width="{WIDE}" height="{HIGH}" rx="4" fill="{fill}" '
        f'stroke="{edge}"/><text x="{x + WIDE / 2:.0f}" y="{y + 20}" text-anchor="middle">{escape(name or package)}</text></g>'
    )


def main() -> None:
    """Write docs/rooms.svg."""
    PICTURE.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
