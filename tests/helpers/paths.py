"""Where the checkout lies, for tests that start programs in it or read its files."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELPERS = ROOT / "tests" / "helpers"
NUT = ROOT / "assets" / "samples" / "hex_nut"
"""The sample part that comes with the product: photos for tests that need real ones and no download."""
