"""Requests as gradio hands them on, for what looks at who asks."""

from __future__ import annotations

from types import SimpleNamespace


class Asking:
    """A request as gradio hands it on."""

    def __init__(self, host: str, **headers: str) -> None:
        self.client = SimpleNamespace(host=host)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
