"""The notebook: committed without outputs, every cell runs, and what it computes is what its text says."""

import json
import math

import nbformat
import pytest

from tools.scripts.docs_figures import NOTEBOOK, executed

FACTS = """
import json as _json
from tgvig_core.detectors.base import load_detector as _load_detector
_z_t = models.encoder.encode_texts([P])[0]
_rows = models.encoder.encode_images(chosen)
_own = _load_detector(OUT / "nut" / "model")
print(_json.dumps({
    "prompt": P, "scores": [prompt.score for prompt in ranked.prompts], "d": [prompt.distance for prompt in ranked.prompts],
    "kept": [prompt.text for prompt in ranked.prompts if prompt.kept],
    "variance": float((codes - codes.mean(0)).square().mean(0).sub(ours.variance).abs().max() / ours.variance.max()),
    "draw": float((draws[2] - codes.mean(0)).square().mean()), "wide": float((draws[0] - codes.mean(0)).square().mean()),
    "spread": float(ours.variance.mean()),
    "similarity": similarity, "alpha": alpha, "by_hand": float(_z_t @ _rows.mean(0) / (_z_t.norm() * _rows.mean(0).norm())),
    "pool": len(pool.images), "bank": list(detector.model.memory_bank.shape),
    "threshold": limits.threshold, "words": of_calibration(limits), "raw": scores, "display": display,
    "bundle": [found.score for found in findings], "verdicts": [found.is_anomalous for found in findings],
    "own": _own.score(frames).scores.tolist(), "limit": inspector.limits.threshold, "run": run["threshold"],
    "kinds": [path.parent.name for path in tests],
}))
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> dict:
    """What the notebook's own variables hold after its last cell."""
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.cells.append(nbformat.v4.new_code_cell(FACTS))
    done = executed(notebook, tmp_path_factory.mktemp("notebook"))
    return json.loads(done.cells[-1].outputs[0].text)


def test_it_is_small_valid_and_without_outputs():
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < 300_000
    assert not any(cell.outputs or cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.slow
def test_the_prompt_is_the_nearest_of_those_that_stay(facts):
    assert facts["prompt"] == facts["kept"][0] and facts["prompt"].startswith("a metal nut with ")
    assert facts["scores"] == sorted(facts["scores"], reverse=True)
    assert facts["d"] == pytest.approx([math.sqrt(2 - 2 * score) for score in facts["scores"]])  # unit rows


@pytest.mark.slow
def test_draws_are_as_wide_as_the_views_and_those_of_eq_2_far_wider(facts):
    assert facts["variance"] < 1e-6
    assert facts["draw"] == pytest.approx(facts["spread"], rel=0.1)  # the mean of 65536 squares
    assert facts["wide"] == pytest.approx(1, rel=0.1) and facts["wide"] > 5 * facts["draw"]


@pytest.mark.slow
def test_the_best_set_is_the_most_similar_one_by_eq_4(facts):
    assert len(facts["similarity"]) == 2 and facts["alpha"] == 1 + facts["similarity"].index(max(facts["similarity"]))
    assert facts["by_hand"] == pytest.approx(max(facts["similarity"]), abs=1e-4)


@pytest.mark.slow
def test_the_detector_finds_the_rust_and_passes_the_good_nut(facts):
    assert facts["pool"] == 5 and facts["bank"] == [1000, 152]
    assert "from 2 photos" in facts["words"]
    raw = dict(zip(facts["kinds"], facts["raw"], strict=True))
    assert raw["good"] < facts["threshold"] < raw["rust"]
    for score, shown in zip(facts["raw"], facts["display"], strict=True):
        assert (shown > 0.5) == (score > facts["threshold"])


@pytest.mark.slow
def test_the_bundle_scores_like_the_detector_that_it_was_made_of(facts):
    assert facts["limit"] == facts["run"]
    assert facts["bundle"] == pytest.approx(facts["own"], rel=1e-3)
    assert facts["verdicts"] == [score > facts["limit"] for score in facts["own"]]
    assert dict(zip(facts["kinds"], facts["verdicts"], strict=True))["rust"]
