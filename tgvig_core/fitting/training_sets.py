"""What a detector may learn from, by name: the arms of the paper's comparison, and narrower ones.

`augment:shifts` is one way in which plain views differ, `tgvig:3` the third set, `tgvig:3:10` its first ten images.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    from tgvig_core.photos.views import ViewPolicy  # the page shows names before torch has loaded

ARMS = ("real", "augment", "tgvig")
"""The normal photos alone; with plain views of them; with the generated set."""

NAMES = {
    "real": "the photos only",
    "augment": "the photos and plain copies of them",
    "augment:photometric": "the photos and copies in other light",
    "augment:shifts": "the photos and copies slightly moved and turned",
    "augment:flips": "the photos and mirrored copies",
    "augment:turns": "the photos and copies turned by quarter turns",
    "tgvig": "the photos and generated images",
}
"""What an arm learns from, in words."""


def named(arm: str) -> str:
    """What an arm learns from, in words.

    Raises:
        TgvigError: there is no such arm.
    """
    if arm in NAMES:
        return NAMES[arm]
    number, count = set_of(arm)
    first = f", its first {count} images" if count else ""
    return f"the photos and generated set {number}{first}"


def set_of(arm: str) -> tuple[int, int | None]:
    """Number and images (None: all) that `tgvig:<set>` or `tgvig:<set>:<images>` asks for.

    Raises:
        TgvigError: the arm names no set.
    """
    kind, *parts = arm.split(":")
    if kind != "tgvig" or not 1 <= len(parts) <= 2 or not all(part.isdecimal() and int(part) for part in parts):
        known = ", ".join(NAMES)
        raise TgvigError(f"There is no pool {arm!r}: choose one of {known}, or tgvig:SET or tgvig:SET:IMAGES.")
    return int(parts[0]), int(parts[1]) if len(parts) == 2 else None


def allowed(policy: ViewPolicy) -> tuple[str, ...]:
    """The arms that a part may learn from and that need no generated set: mirrored and turned copies only of parts that
    may appear so."""
    sure = ("real", "augment", "augment:photometric", "augment:shifts")
    return sure + ("augment:flips",) * policy.flips + ("augment:turns",) * policy.turns


def narrowed(policy: ViewPolicy, arm: str) -> ViewPolicy:
    """What of a policy an arm's views take.

    Raises:
        TgvigError: the arm has no views, or the part may not appear so.
    """
    if arm not in allowed(policy) or arm == "real":
        raise TgvigError(
            f"Copies of this part cannot be made as {arm!r}: choose one of {', '.join(allowed(policy)[1:])}."
        )
    still = replace(policy, degrees=0.0, shift=0.0, light=0.0, flips=False, turns=False)
    return {
        "augment": policy,
        "augment:photometric": replace(still, light=policy.light),
        "augment:shifts": replace(still, degrees=policy.degrees, shift=policy.shift),
        "augment:flips": replace(still, flips=True),
        "augment:turns": replace(still, turns=True),
    }[arm]
