"""The synthetic defects by name, with what people read of them; nothing heavy is imported to list them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from tgvig_core.synthetic.shapes import Place

Look = Callable[["Place"], "tuple[np.ndarray, np.ndarray]"]
"""Where a defect goes → its shape M, H×W opacity in [0, 1], and the anomalous image P, 3×H×W, which may leave [-1, 1]."""

defect: Registry[Look] = Registry("defect", "tgvig_core.synthetic")
"""`@defect("name", title="…", about="…")` on a Look adds a kind; the title is a plural.

about: what it is, one sentence for who tries it. sizes: "extent" (the usual), where its size is its longest extent, or "width",
where it is the width of a line that runs far. place: "inside" the part (the usual), or at its "edge".
"""


def is_line(kind: str) -> bool:
    """Whether the kind's size is the width of a line.

    Raises:
        TgvigError: there is no such kind.
    """
    return defect.entry(kind).facts.get("sizes") == "width"


def at_edge(kind: str) -> bool:
    """Whether the kind lies at the part's edge.

    Raises:
        TgvigError: there is no such kind.
    """
    return defect.entry(kind).facts.get("place") == "edge"
