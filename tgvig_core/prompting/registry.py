"""What can be chosen by name in step 2: where the words W_t come from, and which prompts Eq. 1 drops"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from tgvig_core.prompting.senses import Sense
    from tgvig_core.prompting.vocabulary import Word

Vocabulary = Callable[["Sense | None"], "Iterable[Word]"]
"""Sense → words W_t, the nearest first; of an object without a sense what does not depend on one. What is missing on this
machine is said at the call, before a word is read."""
vocabulary: Registry[Vocabulary] = Registry("vocabulary", "tgvig_core.prompting")
"""`@vocabulary("name", title="…")` on a function from sense to words adds one."""

OutlierRule = Callable[["np.ndarray"], "tuple[float, np.ndarray, str]"]
"""Distances d of all prompts → the threshold on d, which prompts stay, the rule in plain words."""
outlier_rule: Registry[OutlierRule] = Registry("outlier rule", "tgvig_core.prompting")
"""`@outlier_rule("name", title="…")` on a function from distances to what stays adds one."""
