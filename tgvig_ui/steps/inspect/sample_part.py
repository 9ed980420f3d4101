"""The bundled sample parts: which one a part's photos are of."""

from __future__ import annotations

from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.store import Part


def sample_of(server: Server, part: Part) -> str | None:
    """The sample part that these good photos are of, told by their names and bytes."""
    photos = part.photos()
    for folder in server.samples.iterdir():
        first = folder / "train" / "good" / (photos[0].name[5:] if photos else "")
        if photos and first.is_file() and first.read_bytes() == photos[0].read_bytes():
            return folder.name
    return None
