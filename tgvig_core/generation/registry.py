"""The generators by name (as timm's registry does it), and their titles; nothing heavy is imported to list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    from tgvig_core.generation.base import Generator

generator: Registry[type[Generator]] = Registry("generator", "tgvig_core.generation")
"""`@generator("name", title="…")` on a subclass of base.Generator adds one; a pack names it beside its weights."""
