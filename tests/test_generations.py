"""What the page takes of a generation's curve."""

from tgvig_ui.generations import best_of


def test_the_set_that_is_used_is_the_most_similar_one_or_by_wish_the_last():
    curve = [0.2, 0.4, 0.3]
    assert best_of(curve) == 2 and best_of(curve, text=False) == 3 and best_of([]) is None
