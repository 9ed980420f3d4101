"""The API's description as one page of plain HTML, made from its OpenAPI document: no script, nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from tgvig_core.reports.pages import environment
from tgvig_core.utils import strict_json

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What the page may load: nothing but its own style."""


def page(api: dict[str, Any]) -> str:
    """HTML of an OpenAPI 3.1 document."""
    return environment("tgvig_serve").get_template("api.html").render(api=api, as_json=_as_json)


def _as_json(value: object) -> str:
    return strict_json.dumps(value, indent=2, ensure_ascii=False)
