"""What a check found, in sentences for an engineer; the numbers are in results.py. Fewer than half found is “mostly missed”."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tgvig_core.diagnosis.results import STRENGTHS, Advice, Compared, Detectability, KindCurve, Lift, Share
from tgvig_core.fitting.training_sets import REAL, TrainingSet
from tgvig_core.synthetic.registry import defect, is_line

RIGHT, COMPARED = 14, 25
"""How often the sign was right on labelled photos, of the comparisons whose AUROC differed by more than 0.1 points:
tools/research/measure_advice.py, docs/advice.md."""
HALF = 0.5
MIDDLE = 0.6
"""The strength by which the kinds are told apart."""


def found_from(shares: Sequence[Share]) -> float | None:
    """The least strength or size at which at least half are found; None where there is none."""
    return next((share.at for share in shares if share.share >= HALF), None)


def of_advice(found: Advice) -> str:
    """What to learn from, and the figures that this rests on."""
    good = found.images // (1 + len(STRENGTHS))
    if found.recommended != REAL:
        choice = f"Learn from {found.recommended.title}."
    elif found.differs:
        choice = "Learn from the photos only: nothing else is surely better, and some of it is worse."
    else:
        choice = "No difference could be shown: the photos only are the quickest choice."
    return (
        f"{choice} Image AUROC on {good} held-out good images and faint synthetic defects of {len(defect.names())} kinds on them, "
        f"with its difference to the photos only and an interval that holds with 90 % probability: "
        f"{'; '.join(map(_figures, found.compared))}. Only a hint: on labelled photos its sign was right in {RIGHT} of "
        f"{COMPARED} comparisons (of the usual detector)."
    )


def _figures(one: Compared) -> str:
    beside = f" ({one.difference:+.3f}, {one.low:+.3f} to {one.high:+.3f})" if one.training_set != REAL else ""
    return f"{one.training_set.title} {one.auroc:.3f}{beside}"


def of_lift(found: Lift, training_set: TrainingSet) -> str:
    """Whether what a detector learned from is better than the photos alone."""
    return of_advice(found.as_advice(training_set))


def advice_json(found: Advice) -> dict[str, Any]:
    """Numbers and sentence, as files of a run hold them."""
    arms = [
        {"arm": str(one.training_set), "auroc": one.auroc, "difference": one.difference, "low": one.low,
         "high": one.high, "sure": one.sure}
        for one in found.compared
    ]  # fmt: skip
    return {"arms": arms, "recommended": str(found.recommended), "differs": found.differs, "images": found.images,
            "words": of_advice(found)}  # fmt: skip


def lift_json(found: Lift, training_set: TrainingSet) -> dict[str, Any]:
    """Numbers and sentence, as files of a run hold them."""
    return asdict(found) | {"words": of_lift(found, training_set)}


def detectability_json(found: Detectability) -> dict[str, Any]:
    """Numbers and sentences, as files of a run hold them."""
    kinds = [
        {"kind": curve.kind, "name": defect.title(curve.kind), "strengths": list(map(asdict, curve.strengths)),
         "sizes": list(map(asdict, curve.sizes)), "words": of_kind(curve)}
        for curve in found.kinds
    ]  # fmt: skip
    return asdict(found) | {"kinds": kinds, "words": of_detectability(found)}


def of_kind(curve: KindCurve) -> str:
    """From which strength and size on defects of a kind are found."""
    return f"{_of_strength(defect.title(curve.kind).capitalize(), curve.strengths)} {_of_size(curve.kind, curve.sizes)}"


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
    return "thinner" if is_line(kind) else "smaller"


def of_detectability(found: Detectability) -> str:
    """What an engineer has to know first: which kinds are missed at a middling strength, and how thin a scratch may be."""
    curves, unseen, elsewhere = found.kinds, found.unseen, found.elsewhere
    missed = [curve for curve in curves if _share_at(curve, MIDDLE) < HALF]
    seen = [curve for curve in curves if curve not in missed]
    said = [f"Mostly missed at strength {MIDDLE:g}: {_listed(missed)}."] if missed else []
    said += [f"Found at strength {MIDDLE:g}, at least half of them: {_listed(seen)}."] if seen else []
    said += [f"Scratches: {_scratches(curve.sizes)}." for curve in curves if curve.kind == "scratch"]
    if unseen:
        names = ", ".join(defect.title(kind) for kind in unseen)
        said.append(f"Not tried, because they would not show on this part: {names}.")
    if elsewhere:
        said.append(f"Called anomalous for another spot, which counts as missed: {elsewhere} of the spoiled photos.")
    tried = max((share.trials for curve in curves for share in curve.strengths), default=0)
    said.append(f"A rough figure, from {tried} defects of each kind. Synthetic defects are only a hint at real ones.")
    return " ".join(said)


def _share_at(curve: KindCurve, strength: float) -> float:
    return next(share.share for share in curve.strengths if share.at == strength)


def _listed(curves: Sequence[KindCurve]) -> str:
    return ", ".join(defect.title(curve.kind) for curve in curves)


def _scratches(sizes: Sequence[Share]) -> str:
    start = found_from(sizes)
    if start is None:
        return f"even full ones are mostly missed up to {sizes[-1].at:g} px width"
    return (
        f"those thinner than {start:g} px are mostly missed"
        if start > sizes[0].at
        else f"found from {start:g} px width"
    )
