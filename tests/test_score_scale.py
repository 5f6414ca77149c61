"""The five words for scores."""

import math

import pytest

from tfiqa.errors import InvalidInput
from tfiqa.score_scale import WORDS, ScoreScale

MOS = ScoreScale(0, 100, True, "MOS", words=True)


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (-5, "bad"),
        (0, "bad"),
        (19.999, "bad"),
        (20, "poor"),
        (39.999, "poor"),
        (40, "fair"),
        (60, "good"),
        (79.999, "good"),
        (80, "excellent"),
        (100, "excellent"),
        (104.2, "excellent"),
    ],
)
def test_words_change_at_20_40_60_and_80(score, word):
    assert MOS.word(score) == word


def test_where_lower_is_better_the_words_turn_round():
    dmos = ScoreScale(0, 100, False, "DMOS", words=True)
    assert [dmos.word(score) for score in (120, 90, 80, 60, 40, 20, 0)] == [
        *("bad", "bad", "poor", "fair", "good", "excellent", "excellent")
    ]


def test_other_scales_have_fifths_too():
    grades = ScoreScale(1, 5, True, "MOS", words=True)
    assert [grades.word(score) for score in (1, 2, 3, 4, 5)] == list(WORDS)
    assert grades.word(1.75) == "bad"
    assert grades.word(1.85) == "poor"


def test_a_score_that_is_not_finite_is_no_fault_of_the_words():
    assert MOS.word(math.nan) in WORDS


def test_without_both_ends_there_are_no_words():
    with pytest.raises(InvalidInput, match="words are for fifths of a scale with both ends"):
        ScoreScale(0, None, True, "x", words=True)
    with pytest.raises(InvalidInput, match="no words for scores without bounds: x"):
        ScoreScale(None, None, True, "x").word(3)


def test_what_is_written_is_as_before_but_for_scales_with_words():
    plain = {"low": 0, "high": 100, "higher_is_better": True, "unit": "MOS"}
    assert ScoreScale(0, 100, True, "MOS").to_dict() == plain
    assert ScoreScale.from_dict(plain) == ScoreScale(0, 100, True, "MOS")
    assert MOS.to_dict() == {**plain, "words": True}
    assert ScoreScale.from_dict(MOS.to_dict()) == MOS
