"""Import gradio in half the time: whenever it is imported it writes editor stubs (.pyi) for its 60 components."""

from __future__ import annotations

import inspect


def import_gradio() -> None:
    """Import gradio without its stubs, which take 2 of its 4 seconds on two cores and serve nobody who runs the app.

    gradio leaves a component out whose source file `inspect.getfile` does not know; so, for the length of the import,
    it knows none of them. Should gradio change, the import is only as slow as it was.
    """
    found = inspect.getfile

    def unknown(thing: object) -> str:
        if type(thing).__name__ == "ComponentMeta":
            raise OSError("no stubs wanted")
        return found(thing)

    inspect.getfile = unknown
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = found
