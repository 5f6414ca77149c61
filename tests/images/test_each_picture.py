import numpy as np
import pytest
from PIL import Image

from tfiqa.errors import InvalidInput
from tfiqa.images.each_picture import over_pictures


def mean(picture):
    if picture.shape[0] < 4:
        raise InvalidInput("too small")
    return float(picture.mean())


@pytest.fixture
def paths(tmp_path):
    for name, side, level in (("a.png", 8, 10), ("small.png", 2, 0), ("b.png", 9, 20)):
        Image.fromarray(np.full((side, side, 3), level, np.uint8)).save(tmp_path / name)
    (tmp_path / "text.png").write_text("no picture")
    return [tmp_path / name for name in ("a.png", "small.png", "text.png", "none.png", "b.png")]


def test_results_and_reasons_in_order(paths):
    results, errors = zip(*over_pictures(mean, paths, workers=2), strict=True)
    assert results == (10, None, None, None, 20)
    assert (errors[0], errors[1], errors[4]) == (None, f"{paths[1]}: too small", None)
    assert errors[2].startswith(f"{paths[2]}: ")
    assert errors[3].startswith(f"{paths[3]}: ")


def test_more_pixels_than_allowed(paths):
    (_, none), (result, error) = over_pictures(mean, [paths[0], paths[4]], max_pixels=70)
    assert none is None
    assert result is None
    assert "more than the limit of 70" in error


def test_other_errors_come_out(paths):
    with pytest.raises(ZeroDivisionError):
        list(over_pictures(lambda picture: 1 / 0, paths[:1]))
