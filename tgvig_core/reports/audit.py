"""The audit report of a bundle: what its detector learned from, where its threshold comes from, what it is known to miss."""

from __future__ import annotations

from pathlib import Path

from tgvig_core.fitting import training_sets
from tgvig_core.fitting.calibration import how_found
from tgvig_core.reports.audit_facts import read_facts
from tgvig_core.reports.pages import write_page


def write_audit(run: Path, about: dict, target: Path) -> None:
    """Write the report as one HTML file that asks nothing of any network and needs no script.

    Args:
        run: folder of the run, or of a generation of the app.
        about: what bundle.json holds.
        target: the file.

    Raises:
        TgvigError: there is no trained run, or the file cannot be written.
    """
    write_page(target, "audit.html", facts=read_facts(run, about), named=training_sets.named, how_found=how_found)
