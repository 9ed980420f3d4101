"""The Hugging Face Hub: whether it answers, and what its client (huggingface_hub) has fetched before."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT = 5
"""Seconds; asked first, because the hub's own client retries for 45 s."""


def hub_answers() -> bool:
    """Whether the hub answers within TIMEOUT."""
    from huggingface_hub import constants  # here and below: importing it takes a second

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        with urllib.request.urlopen(constants.ENDPOINT, timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError:
        return True  # it answers, if with a complaint
    except OSError:
        return False


def hub_copy(repository: str, name: str) -> Path | None:
    """A repository's file in the hub's local cache; None where it was never fetched."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name)
    return Path(found) if isinstance(found, str) else None
