"""The web app: `python app.py` opens it at http://127.0.0.1:7860. Options: `python app.py --help`."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no request leaves the machine

from tgvig_ui.gradio_compat import import_gradio

if __name__ == "__main__":
    import_gradio(mcp="--mcp" in sys.argv)
    from tgvig_ui.launch import main_and_out

    main_and_out()
