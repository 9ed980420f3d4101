"""Registries of the lower rooms: names without torch, unknown names, and one more thing from one file of another distribution."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from tgvig_core.models.encoders.registry import encoder
from tgvig_core.packs import registry as packs
from tgvig_core.prompting.registry import outlier_rule, vocabulary
from tgvig_core.prompting.vocabulary import Word, all_words
from tgvig_core.synthetic.defects import make_defect
from tgvig_core.synthetic.registry import at_edge, defect, is_line
from tgvig_core.utils.errors import TgvigError


def test_names_are_known_before_torch() -> None:
    code = (
        "import sys; from tgvig_core.packs.registry import PACKS, choices; from tgvig_core.prompting.registry import *;"
        "from tgvig_core.synthetic.registry import defect; from tgvig_core.generation.registry import generator;"
        "from tgvig_core.models.encoders.registry import encoder;"
        "[one.entries() for one in (vocabulary, outlier_rule, defect, generator, encoder)]; choices();"
        "print({'torch', 'nltk', 'scipy', 'timm'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_order_in_which_people_are_shown_them() -> None:
    assert vocabulary.names() == ("relations", "wordnet", "words") and outlier_rule.names() == ("robust", "paper")
    assert packs.choices() == ("auto", "embedded", "paper", "strong") and encoder.names() == ("conse", "clip")
    assert defect.names()[:3] == ("texture", "cut_paste", "scar") and len(defect.names()) >= 9


@pytest.mark.parametrize("registry", [vocabulary, outlier_rule, defect, encoder])
def test_an_unknown_name_is_one_sentence_that_lists_the_known(registry) -> None:
    with pytest.raises(TgvigError, match=f"There is no .* 'nothing': choose one of .*{registry.names()[0]}"):
        registry.get("nothing")


def test_every_pack_names_things_that_are_there() -> None:
    for pack in packs.PACKS.values():
        assert pack.encoder in encoder.names() and pack.title and pack.short and pack.backbone_title
        assert packs.of_backbone(pack.backbone) is pack
    with pytest.raises(TgvigError, match="No pack brings the backbone 'vgg'"):
        packs.of_backbone("vgg")


def test_which_defects_are_lines_and_lie_at_the_edge() -> None:
    assert [kind for kind in defect.names() if is_line(kind)] == ["scratch"]
    assert [kind for kind in defect.names() if at_edge(kind)] == ["missing"]


def test_a_defect_a_vocabulary_and_a_rule_more(monkeypatch) -> None:
    for registry in (defect, vocabulary, outlier_rule):
        monkeypatch.setattr(registry, "_made", dict(registry._made))

    @defect("hole", title="holes", about="Black.")
    def hole(place):
        rows, columns = place.around()
        return (np.hypot(rows, columns) <= place.size / 2).astype(np.float32), np.full_like(place.image, -1)

    @vocabulary("colours", title="Three colours")
    def colours(sense):
        return (Word(text, "colours", "", None) for text in ("red", "green", "blue"))

    @outlier_rule("half", title="The nearer half")
    def half(d):
        return float(np.median(d)), d <= np.median(d), "the nearer half stays"

    made = make_defect(torch.zeros(3, 64, 64), "hole", 1.0, torch.Generator().manual_seed(0), 10)
    assert made.mask.sum() == pytest.approx(np.pi * 25, rel=0.1) and bool((made.image[:, made.mask] == -1).all())
    assert [word.text for word in all_words("colours", None, (), ["steel"])] == ["steel", "red", "green", "blue"]
    assert outlier_rule.get("half")(np.array([1.0, 2.0, 3.0]))[1].tolist() == [True, True, False]
    assert {"hole"} < set(defect.names()) and "colours" in vocabulary.names() and "half" in outlier_rule.names()
