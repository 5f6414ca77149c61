"""Scores of pictures and their agreement with other columns."""

import io
import math

import numpy as np
import pytest
from fake_scorer import FakeScorer
from PIL import Image
from scored_pictures import agreement, coefficient_within, parse_size, scores

from tfiqa.errors import InvalidInput


def grey(value):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (value,) * 3).save(stream, "PNG")
    return stream.getvalue()


def test_scores_are_turned_so_that_higher_is_better():
    pictures = [grey(30), grey(10)]
    assert scores(FakeScorer(np.mean), pictures).tolist() == [30, 10]
    assert scores(FakeScorer(np.mean, higher_is_better=False), pictures).tolist() == [-30, -10]


def test_one_picture_that_cannot_be_scored_is_an_error():
    with pytest.raises(InvalidInput, match="1 of 2 pictures cannot be scored"):
        scores(FakeScorer(np.mean), [grey(1), b"no picture"])


def test_agreement_is_of_all_and_the_median_within_contents():
    """Within a, b and c the order is right, wrong and half right; the contents' own levels are upside down."""
    contents = ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    truth = [7, 8, 9, 4, 5, 6, 1, 2, 3]
    found = agreement([1, 2, 3, 13, 12, 11, 21, 23, 22], truth, contents)
    assert found.within == 0.5
    squares = 36 * 3 + (4 + 0 + 4) + (36 + 49 + 25)  # of differences of ranks
    assert found.overall == pytest.approx(1 - 6 * squares / (9 * 80))


def test_contents_of_equal_truth_are_left_out_and_equal_scores_count_as_none():
    assert agreement([1, 2, 5, 5], [3, 3, 1, 2], ["a", "a", "b", "b"]).within == 0
    assert math.isnan(agreement([1, 2], [3, 3], ["a", "a"]).within)
    assert coefficient_within([4, 4], [1, 2]) == 0
    assert coefficient_within([2, 1], [1, 2]) == -1


def test_sizes():
    assert parse_size(None) is None
    assert parse_size("512x384") == (512, 384)
    for text in ("512", "0x4", "axb", "1x2x3", "-1x4"):
        with pytest.raises(InvalidInput, match="no size"):
            parse_size(text)
