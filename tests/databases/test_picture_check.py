import hashlib

import numpy as np
import pytest
from PIL import Image

from tfiqa.databases.picture_check import check_pictures


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for place in range(20):
        picture = rng.integers(0, 256, (8 + place, 5, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{place:02}.png")
    return sorted(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [1, 3])
def test_order_sizes_and_digests(pictures, workers):
    steps = []
    checks = check_pictures(pictures, workers=workers, progress=lambda done, total: steps.append((done, total)))
    assert [check.path for check in checks] == pictures
    assert all(check.ok and check.error is None for check in checks)
    assert [(check.width, check.height) for check in checks] == [(5, 8 + place) for place in range(20)]
    assert checks[3].sha256 == hashlib.sha256(pictures[3].read_bytes()).hexdigest()
    assert steps == [(place, 20) for place in range(1, 21)]


def test_faults_are_rows_and_stop_nothing(pictures, tmp_path):
    pictures[1].write_bytes(pictures[1].read_bytes()[:-30])
    pictures[2].write_bytes(b"")
    missing = tmp_path / "missing.jpg"
    checks = check_pictures([*pictures[:3], missing, tmp_path, pictures[4]], max_pixels=5 * 11)
    assert [check.ok for check in checks] == [True, False, False, False, False, False]
    assert all(check.error.startswith(f"{check.path}: ") for check in checks[1:])
    assert all(check.width is None for check in checks[1:])
    assert checks[1].sha256 == hashlib.sha256(pictures[1].read_bytes()).hexdigest()
    assert checks[3].sha256 is None
    assert "limit" in checks[5].error


def test_size_is_that_of_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (16, 8)).save(tmp_path / "turned.jpg", exif=exif)
    (check,) = check_pictures([tmp_path / "turned.jpg"])
    assert (check.width, check.height) == (8, 16)


def test_pictures_beyond_tensorflow_are_marked(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    Image.new("CMYK", (8, 8)).save(tmp_path / "print.tif")
    assert [check.needs_pillow for check in check_pictures([tmp_path / "plain.png", tmp_path / "print.tif"])] == [
        False,
        True,
    ]


def test_nothing_to_check():
    assert check_pictures([]) == []
