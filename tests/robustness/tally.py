"""Trials of one kind, counted until they are a row of the table; the first wrong answers are named."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.robustness.row import Row

NAMED = 5
"""Wrong answers that the table shows."""


@dataclass
class Tally:
    """Trials of one kind."""

    what: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)

    def saw(self, right: object, trial: str) -> None:
        """Count a trial; `trial` repeats it."""
        self.tried += 1
        if not right:
            self.wrong.append(trial)

    def row(self, figure: str = "", bound: str = "") -> Row:
        """The row; a wrong trial comes before the figure."""
        named = "; ".join(trial.replace("|", "/")[:160] for trial in self.wrong[:NAMED])
        return Row(self.what, self.tried, self.tried - len(self.wrong), f"wrong: {named}" if named else figure, bound)
