"""What curves of detectability say, in plain words: fewer than half found is “mostly missed”."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tgvig_core.diagnosis.detectability import KindCurve, Share

HALF = 0.5
MIDDLE = 0.6
"""The strength by which the kinds are told apart."""
NAMES = {
    "texture": "spots of another texture", "cut_paste": "patches in the wrong place", "scar": "strips in the wrong place",
    "blend": "patches without a visible edge", "scratch": "scratches", "dent": "dents", "blob": "stains",
    "missing": "missing pieces", "colour": "spots of another colour",
}  # fmt: skip
"""The kinds of defects.KINDS in plain words."""


def found_from(shares: Sequence[Share]) -> float | None:
    """The least strength or size at which at least half are found; None where there is none."""
    return next((share.at for share in shares if share.share >= HALF), None)


def words_of_kind(kind: str, strengths: Sequence[Share], sizes: Sequence[Share]) -> str:
    """From which strength and size on defects of a kind are found."""
    return f"{_of_strength(NAMES[kind].capitalize(), strengths)} {_of_size(kind, sizes)}"


def _of_strength(name: str, strengths: Sequence[Share]) -> str:
    start = found_from(strengths)
    if start is None:
        return f"{name} of usual sizes are mostly missed at every strength."
    if start == strengths[0].at:
        return f"{name} are found from strength {start:g} on, the weakest that was tried."
    before = max(share.at for share in strengths if share.at < start)
    return f"{name} are mostly missed up to strength {before:g} and found from {start:g} on."


def _of_size(kind: str, sizes: Sequence[Share]) -> str:
    start = found_from(sizes)
    if start is None:
        return f"At full strength they are mostly missed up to {sizes[-1].at:g} px, the largest that was tried."
    if start == sizes[0].at:
        return f"At full strength they are found from {start:g} px on, the smallest that was tried."
    return f"At full strength those {_smaller(kind)} than {start:g} px are mostly missed."


def _smaller(kind: str) -> str:
    return "thinner" if kind == "scratch" else "smaller"


def words_of_all(curves: Sequence[KindCurve], unseen: Sequence[str], elsewhere: int) -> str:
    """What an engineer has to know first: which kinds are missed at a middling strength, and how thin a scratch may be."""
    missed = [curve for curve in curves if _share_at(curve, MIDDLE) < HALF]
    found = [curve for curve in curves if curve not in missed]
    said = [f"Mostly missed at strength {MIDDLE:g}: {_listed(missed)}."] if missed else []
    said += [f"Found at strength {MIDDLE:g}, at least half of them: {_listed(found)}."] if found else []
    said += [f"Scratches: {_scratches(curve.sizes)}." for curve in curves if curve.kind == "scratch"]
    if unseen:
        left_out = ", ".join(NAMES[kind] for kind in unseen)
        said.append(f"Not tried, because they would not show on this part: {left_out}.")
    if elsewhere:
        said.append(f"Called anomalous for another spot, which counts as missed: {elsewhere} of the spoiled photos.")
    tried = max((share.trials for curve in curves for share in curve.strengths), default=0)
    said.append(f"A rough figure, from {tried} defects of each kind. Synthetic defects are only a hint at real ones.")
    return " ".join(said)


def _share_at(curve: KindCurve, strength: float) -> float:
    return next(share.share for share in curve.strengths if share.at == strength)


def _listed(curves: Sequence[KindCurve]) -> str:
    return ", ".join(curve.name for curve in curves)


def _scratches(sizes: Sequence[Share]) -> str:
    start = found_from(sizes)
    if start is None:
        return f"even full ones are mostly missed up to {sizes[-1].at:g} px width"
    return (
        f"those thinner than {start:g} px are mostly missed"
        if start > sizes[0].at
        else f"found from {start:g} px width"
    )
