"""The text–image encoders by name (as timm's registry does it), and their titles; nothing heavy is imported to list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    from tgvig_core.models.encoders.base import PackEncoder

encoder: Registry[type[PackEncoder]] = Registry("encoder", "tgvig_core.models.encoders")
"""`@encoder("name", title="…")` on a class that is a base.PackEncoder adds one; a pack names it."""
