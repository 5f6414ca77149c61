"""Everyday processing: repeatable, of the asked size, and no damage."""

import numpy as np
import pytest
from everyday_processing import processed
from skimage import data

from tfiqa.full_reference import vsi

PICTURE = data.astronaut()


@pytest.mark.parametrize("seed", range(8))
def test_a_part_of_the_asked_size_or_hardly_enlarged(seed):
    made = processed(PICTURE, 300, np.random.default_rng(seed))
    assert made.dtype == np.uint8
    assert made.shape[2] == 3
    assert 0.4 * 512 * 1.25 - 2 <= min(made.shape[:2]) <= 300
    again = processed(PICTURE, 300, np.random.default_rng(seed))
    np.testing.assert_array_equal(made, again)


def test_copies_differ_but_most_stay_as_good(monkeypatch):
    monkeypatch.setattr("everyday_processing.CROPPED", (1.0, 1.0))  # so that the original is beside it
    made = [processed(PICTURE, 512, np.random.default_rng(seed)) for seed in range(8)]
    found = [float(vsi(PICTURE[np.newaxis], each[np.newaxis])[0]) for each in made]
    assert len(set(found)) > 4
    assert min(found) > 0.95
