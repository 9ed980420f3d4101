"""Import gradio in half the time: it writes editor stubs (.pyi) for its 60 components and loads the MCP library."""

from __future__ import annotations

import gc
import inspect
import sys


def import_gradio(mcp: bool) -> None:
    """Import gradio without its stubs, which take 2 of its 4 seconds on two cores and serve nobody who runs the app.

    gradio leaves a component out whose source file `inspect.getfile` does not know; so, for the length of the import,
    it knows none of them. Should gradio change, the import is only as slow as it was.

    Args:
        mcp: load the MCP library, too (half a second); gradio does without one that cannot be imported.
    """
    found = inspect.getfile

    def unknown(thing: object) -> str:
        if type(thing).__name__ == "ComponentMeta":
            raise OSError("no stubs wanted")
        return found(thing)

    inspect.getfile = unknown
    gc.disable()  # an import only adds: looking for what could be freed is in vain, and takes a quarter of a second
    if hidden := not mcp and "mcp" not in sys.modules:
        sys.modules["mcp"] = None
    try:
        import gradio  # noqa: F401
    finally:
        gc.enable()
        inspect.getfile = found
        if hidden:
            del sys.modules["mcp"]
