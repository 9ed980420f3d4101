"""Under which names the server answers, and what a page of another site may ask it in a person's browser."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from tgvig_core.utils.errors import TgvigError

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
RELAY = ".gradio.live"
"""What gradio's relay calls a shared page; nobody but the relay says where such a name leads."""
OWN = ("same-origin", "none")
"""Sec-Fetch-Site of this page, and of a person's own typing."""


@dataclass(frozen=True)
class Sites:
    """Who may ask under which name. A name that others may point to this server (DNS rebinding) makes their page its own.

    Attributes:
        local: only the person at this machine asks, under LOCAL_NAMES.
        names: where neither a login nor limits protect the server, the names that it has beside local ones and IP
            addresses, which cannot be pointed elsewhere; with a dot in front all below it. None: any name.
        strangers: whether it is for strangers, who may do what they like from any page.
        framed: whether its page is shown inside another site's, as on a Space.
    """

    local: bool
    names: tuple[str, ...] | None = None
    strangers: bool = False
    framed: bool = False

    def admit(self, method: str, path: str, headers: Headers) -> None:
        """
        Raises:
            HTTPException: the server is not called so, or another site's page asks.
        """
        name = re.sub(r":\d*$", "", headers.get("host", "")).lower()
        if self.local and name not in LOCAL_NAMES:
            raise HTTPException(
                403, "This server is for its own computer only: ask for 127.0.0.1, or start it with --host."
            )
        if not self.local and self.names is not None and not _is_called(name, self.names):
            raise HTTPException(
                403,
                f"“{name[:100]}” is no name of this server: ask for its IP address, or start it with the name in TGVIG_HOSTS.",
            )
        if not self.strangers and _from_elsewhere(headers) and not self._opens_the_page(method, path, headers):
            raise HTTPException(403, "Another site's page may not call this server: open its own page.")

    def _opens_the_page(self, method: str, path: str, headers: Headers) -> bool:
        """Whether a link leads a person here, which no script of the other site sees."""
        places = ("document", "iframe") if self.framed else ("document",)
        asked = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
        return method == "GET" and path == "/" and asked[0] == "navigate" and asked[1] in places


def _is_called(name: str, names: tuple[str, ...]) -> bool:
    if name in (*LOCAL_NAMES, *names) or any(name.endswith(end) for end in names if end.startswith(".")):
        return True
    try:
        return bool(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
    except ValueError:
        return False


def _from_elsewhere(headers: Headers) -> bool:
    """Browsers tell the site, but only where they trust the connection; elsewhere a call's Origin tells. Programs send neither."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site or origin is None:
        return bool(site) and site not in OWN
    hosts = (headers.get("host", ""), headers.get("x-forwarded-host", ""))  # no page can send the second one
    return urlsplit(origin).netloc.lower() not in [host.lower() for host in hosts if host]


def own_hosts(share: bool, on_a_space: bool) -> tuple[str, ...]:
    """The names that a server for others has: those of TGVIG_HOSTS, of a Space, of gradio's relay.

    Raises:
        TgvigError: TGVIG_HOSTS holds what is no name.
    """
    given = _listed("TGVIG_HOSTS")
    for name in given:
        if not re.fullmatch(r"[\w.-]+", name):
            raise TgvigError(
                f"TGVIG_HOSTS holds “{name}”: give names alone, separated by commas, such as nuts.example.org."
            )
    return (*given, *(_listed("SPACE_HOST") if on_a_space else ()), *((RELAY,) if share else ()))


def _listed(variable: str) -> tuple[str, ...]:
    found = (name.strip().lower() for name in os.environ.get(variable, "").split(","))
    return tuple(name for name in found if name)
