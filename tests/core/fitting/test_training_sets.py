"""What the detector learns from: the photos, plain views, a generated set without what was excluded."""

import pytest
import torch

from tgvig_core.fitting import pools
from tgvig_core.fitting.training_sets import KINDS, REAL, TrainingSet, allowed
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.utils.errors import TgvigError

pytestmark = pytest.mark.quick

NORMALS = torch.stack([torch.full((3, 8, 8), value) for value in (-0.5, 0.5)])
SET = torch.stack([torch.full((3, 8, 8), value) for value in (0.1, 0.2, 0.3, 0.4, 0.6)])


def test_real_is_the_photos_alone():
    pool = pools.real(NORMALS)
    assert torch.equal(pool.images, NORMALS) and pool.groups == (0, 1)


def test_augment_draws_from_the_photos_in_turn_and_by_seed():
    policy = ViewPolicy(light=0.0)
    pool = pools.augment(NORMALS, 3, policy, seed=4)
    assert pool.groups == (0, 1, 0, 1, 0)
    # a plain grey photo stays what it is however it is turned or shifted
    torch.testing.assert_close(pool.images, NORMALS[[0, 1, 0, 1, 0]])
    lit = [pools.augment(NORMALS, 3, ViewPolicy(), seed).images for seed in (4, 4, 5)]
    assert torch.equal(lit[0], lit[1]) and not torch.equal(lit[0], lit[2])


def test_tgvig_leaves_out_what_was_excluded_and_keeps_each_images_group():
    pool = pools.tgvig(NORMALS, SET, excluded=(1, 2))
    assert pool.groups == (0, 1, 0, 1, 0)  # set images 0, 3 and 4 come from normals 0, 1 and 0
    assert torch.equal(pool.images, torch.cat([NORMALS, SET[[0, 3, 4]]]))


@pytest.mark.parametrize(("excluded", "words"), [((0, 1, 2, 3, 4), "at least one"), ((5,), "no image 6")])
def test_a_set_that_cannot_be_used_is_refused(excluded, words):
    with pytest.raises(TgvigError, match=words):
        pools.tgvig(NORMALS, SET, excluded)


def test_mirrored_and_rotated_copies_are_for_parts_that_may_appear_so():
    assert list(map(str, allowed(ViewPolicy()))) == ["real", "augment", "augment:photometric", "augment:shifts"]
    assert list(map(str, allowed(ViewPolicy(flips=True, turns=True))))[4:] == ["augment:flips", "augment:turns"]
    with pytest.raises(TgvigError, match="augment:shifts"):
        TrainingSet("augment:flips").narrowed(ViewPolicy())


def test_a_narrow_training_set_takes_one_difference_of_the_policy():
    policy = ViewPolicy(3.0, 0.02, 0.2, flips=True)
    assert TrainingSet("augment").narrowed(policy) == policy
    assert TrainingSet("augment:photometric").narrowed(policy) == ViewPolicy(0, 0, 0.2)
    assert TrainingSet("augment:shifts").narrowed(policy) == ViewPolicy(3.0, 0.02, 0)
    assert TrainingSet("augment:flips").narrowed(policy) == ViewPolicy(0, 0, 0, flips=True)
    still = pools.augment(NORMALS, 4, TrainingSet("augment:flips").narrowed(policy), seed=0).images
    torch.testing.assert_close(still, NORMALS.repeat(3, 1, 1, 1))  # a plain grey photo mirrored is itself
    for one in (REAL, TrainingSet("tgvig")):
        with pytest.raises(TgvigError, match="cannot be made as"):
            one.narrowed(policy)


def test_a_training_set_is_written_and_read_as_text():
    for text in (*KINDS, "tgvig:3", "tgvig:3:10"):
        assert str(TrainingSet.parse(text)) == text
    assert TrainingSet.parse("tgvig:3:10") == TrainingSet("tgvig", 3, 10)
    assert TrainingSet("tgvig", 3, 10).title == "the photos and generated set 3, its first 10 images"
    assert (
        TrainingSet("tgvig").generated and TrainingSet("augment:shifts").copies and not (REAL.generated or REAL.copies)
    )


@pytest.mark.parametrize("text", ["tgvig:0", "tgvig:a", "tgvig:-1", "oracle", "tgvig:1:2:3", "real:3", "augment:2", ""])
def test_a_training_set_that_there_is_not_is_refused(text):
    with pytest.raises(TgvigError, match=f"no training set '{text}'"):
        TrainingSet.parse(text)


def test_a_training_set_checks_itself():
    for wrong in ({"kind": "tgvig", "count": 3}, {"kind": "real", "set": 1}, {"kind": "tgvig", "excluded": (-1,)}):
        with pytest.raises(TgvigError):
            TrainingSet(**wrong)
    assert TrainingSet("tgvig", excluded=(2,)) == TrainingSet("tgvig")  # a check tells them apart as they are written
