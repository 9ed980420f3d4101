"""The audit report of a bundle: what its detector learned from, where its threshold comes from, what it is known to miss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_core.diagnosis.words import of_lift
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.fitting.words import how_found, of_gate
from tgvig_core.reports.audit_facts import read_facts
from tgvig_core.reports.pages import write_page

if TYPE_CHECKING:
    from tgvig_core.bundles.manifest import Manifest  # only named: bundles stand on reports


def write_audit(run: Path, about: Manifest, target: Path) -> None:
    """Write the report as one HTML file that asks nothing of any network and needs no script.

    Args:
        run: folder of the run, or of a generation of the app.
        about: what bundle.json holds.
        target: the file.

    Raises:
        TgvigError: there is no trained run, or the file cannot be written.
    """
    facts = read_facts(run, about)
    write_page(
        target,
        "audit.html",
        facts=facts,
        parse=TrainingSet.parse,
        how_found=how_found,
        of_gate=of_gate,
        of_lift=of_lift,
    )
