"""`tgvig export`: the bundle of a run's detector (bundles/export.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tgvig_core.cli.console import running
from tgvig_core.cli.options import Json, Quiet
from tgvig_core.utils import strict_json


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a finished run")],
    out: Annotated[Path, typer.Option(help="a new folder, or a new file that ends with .zip")],
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="torch, onnx or openvino, once or more; left out: all")
    ] = None,
    normals: Annotated[bool, typer.Option("--normals", help="with the good photos: the run can be repeated")] = False,
    threshold: Annotated[float | None, typer.Option(help="raw score in place of the calibrated threshold")] = None,
    as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Take a detector home: models, thresholds and their meaning, checksums, the command that made it, an audit report (with
    small pictures of the good photos)."""
    from tgvig_core.bundles.bundle import open_bundle
    from tgvig_core.bundles.export import export as write
    from tgvig_core.bundles.export import without_graph
    from tgvig_core.bundles.manifest import FORMATS
    from tgvig_core.bundles.wishes import Wishes
    from tgvig_core.reports.pdf import MISSING

    wishes = Wishes(tuple(formats or FORMATS), normals, threshold)
    with running(quiet or as_json) as ctx:
        about = open_bundle(write(run, out, wishes, ctx)).about
    if as_json:
        print(strict_json.dumps({"path": str(out), **about.as_json()}, indent=2))
        return
    print(f"{out}: {', '.join(about.models)}, {sum(file.bytes for file in about.files.values()) / 1e6:.1f} MB")
    for name, found in about.agreement.items():
        print(f"  {name}: scores within {found.score:.1g}, heatmaps within {found.map:.1g} of the trained detector")
    if lacking := without_graph(about.detector.name, [name for name in wishes.formats if name not in about.models]):
        print(f"  {lacking}")
    if "report.pdf" not in about.files:
        print(f"  report.html only. {MISSING}")
    print(f"Inspect photos with: tgvig inspect {out} PHOTOS --out DIR")
