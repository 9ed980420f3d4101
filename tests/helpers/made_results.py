"""A finished run's result, as little as there can be of it."""

from __future__ import annotations

from typing import Any

from tgvig_core.runs.result import Result


def result(**changes: Any) -> Result:
    """Of a nut, with one set; `changes` are fields of Result."""
    values: dict[str, Any] = {
        "pack": "embedded", "device": "cpu", "object": "nut", "best_prompt": "a nut", "sense": None, "similarity": (0.25,),
        "best_iteration": 1, "threshold": 1.5, "pixel_threshold": 1.0, "false_alarm_estimate": {"words": "Set for 5%."},
        "arm": "tgvig", "lift": None, "gate": None, "seconds": {}, "images": (), "notes": (),
    }  # fmt: skip
    return Result(**(values | changes))
