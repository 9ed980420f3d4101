"""`tgvig app` and `python app.py`: the web app, with gradio kept from asking any network and from writing its stubs."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> None:
    """Open the web app; the process ends with it.

    Args:
        arguments: those after the command's name; None takes the process's own.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported
    if arguments is not None:
        sys.argv = ["tgvig app", *arguments]
    from tgvig_ui.gradio_compat import import_gradio

    import_gradio(mcp="--mcp" in sys.argv)
    from tgvig_ui.launch import main_and_out

    main_and_out()
