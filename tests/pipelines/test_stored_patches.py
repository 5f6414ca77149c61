import os

import numpy as np
import pytest
from PIL import Image

from tfiqa.errors import PictureError, StorageError, UnsupportedPicture
from tfiqa.images.protocol import PictureProtocol
from tfiqa.pipelines import stored_patches
from tfiqa.pipelines.batches import PictureBatches
from tfiqa.pipelines.stored_patches import store_patches
from tfiqa.pipelines.training import CropSettings, training_dataset

PROTOCOL = PictureProtocol("native", 32, 40, patch_ends="within", patch_margin=2)
SIZES = [(40, 90), (110, 72), (32, 32)]


@pytest.fixture
def pictures(tmp_path):
    random = np.random.default_rng(3)
    paths = [tmp_path / f"{number}.png" for number in range(len(SIZES))]
    for path, (height, width) in zip(paths, SIZES, strict=True):
        Image.fromarray(random.integers(0, 256, (height, width, 3)).astype(np.uint8)).save(path)
    return paths


def test_every_patch_is_there_in_order_with_its_picture(pictures, tmp_path):
    seen = []
    before = sorted(os.listdir(tmp_path))
    stored = store_patches(pictures, PROTOCOL, tmp_path, max_pixels=10**6, progress=lambda *counts: seen.append(counts))
    expected = [PROTOCOL.prepare(np.asarray(Image.open(path))) for path in pictures]
    assert list(map(len, expected)) == [2, 4, 1]
    np.testing.assert_array_equal(stored.pixels, np.concatenate(expected))
    assert stored.rows.tolist() == [0, 0, 1, 1, 1, 1, 2]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert sorted(os.listdir(tmp_path)) == before


def test_each_comes_once_an_epoch_with_its_pictures_target(pictures, tmp_path):
    stored = store_patches(pictures, PROTOCOL, tmp_path, max_pixels=10**6)
    scores = np.array([[10.0], [20.0], [30.0]], np.float32)
    batches = PictureBatches({"quality": scores[stored.rows]}, 1, 3, seed=5)
    settings = CropSettings("native", stored.pixels.shape[1:3], flip=False, max_pixels=1)
    epoch = list(training_dataset(stored.pixels, batches, settings, seed=5, first_epoch=0, epochs=1))
    images = np.concatenate([image for image, _ in epoch])
    targets = np.concatenate([target["quality"] for _, target in epoch])
    assert [len(image) for image, _ in epoch] == [3, 3, 1]
    assert images.dtype == np.float32
    places = [int(np.flatnonzero((stored.pixels == image).all((1, 2, 3)))[0]) for image in images]
    assert sorted(places) == list(range(7))
    assert places != list(range(7))
    np.testing.assert_array_equal(targets[:, 0], scores[stored.rows[places], 0])


def test_a_picture_that_cannot_be_used_is_named(pictures, tmp_path):
    Image.new("RGB", (31, 90)).save(tmp_path / "small.png")
    with pytest.raises(UnsupportedPicture, match=r"small.png.*take sides from 32"):
        store_patches([*pictures, tmp_path / "small.png"], PROTOCOL, tmp_path, max_pixels=10**6)
    flush = PictureProtocol("native", 32, 40)
    with pytest.raises(PictureError, match=r"small.png.*is smaller than a patch"):
        store_patches([*pictures, tmp_path / "small.png"], flush, tmp_path, max_pixels=10**6)
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"0\.png"):
        store_patches(pictures, PROTOCOL, tmp_path, max_pixels=10**6)


def test_a_full_disk_is_one_error(pictures, tmp_path, monkeypatch):
    with open("/dev/full", "wb") as full:
        monkeypatch.setattr(stored_patches.tempfile, "TemporaryFile", lambda dir: full)
        with pytest.raises(StorageError, match=r"cannot keep the patches of 3 pictures in .*: No space left on device"):
            store_patches(pictures, PROTOCOL, tmp_path, max_pixels=10**6)
