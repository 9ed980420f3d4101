"""gradio keeps 0.4 MB for everyone who ever called, up to ten thousand of them; those who hold nothing are forgotten.

A program that asks where its job stands every half second is a new caller each time: within an hour that would be 3 GB.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from tgvig_ui.gradio_compat import forget_callers

MANY = 100
"""Callers that are borne before anybody looks for idle ones."""
IDLE = timedelta(seconds=10)
"""After which a caller without a page is forgotten; a page holds which part it shows, and is not."""


class Forgetful:
    """ASGI middleware in front of gradio's app, which Starlette names in the scope."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        """Forget idle callers, then hand on."""
        if scope["type"] == "http":
            forget_callers(scope["app"].state_holder, datetime.now(), MANY, IDLE)
        await self.app(scope, receive, send)
