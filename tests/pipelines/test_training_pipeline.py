"""The training pipeline: what it yields, and that it is a pure function of seed, epoch and position."""

import gc
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfiqa.pipelines.batches import PictureBatches
from tfiqa.pipelines.training import CropSettings, random_crop, training_dataset

PICTURES = 5
STEPS = 3  # of two pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Five pictures; picture i has red i, and green and blue count rows and columns."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for i in range(PICTURES):
        y, x = np.mgrid[:50, :70]
        paths.append(folder / f"{i}.png")
        Image.fromarray(np.stack([np.full_like(x, i), y, x], axis=-1).astype(np.uint8)).save(paths[-1])
    return paths


def dataset(paths, first_epoch=0, epochs=1, seed=1, batch_size=2, workers=None, crops_per_picture=1, **settings):
    chosen = {
        "resize": "native",
        "crop": (32, 32),
        "flip": False,
        "max_pixels": 10**6,
        **settings,
    }
    targets = {"quality": np.arange(len(paths), dtype=np.float32)[:, None] * 10}
    return training_dataset(
        paths,
        PictureBatches(targets, crops_per_picture, batch_size, seed),
        CropSettings(**chosen),
        seed=seed,
        first_epoch=first_epoch,
        epochs=epochs,
        workers=workers,
    )


def batches(*arguments, **settings):
    return [(image.numpy(), target["quality"].numpy()) for image, target in dataset(*arguments, **settings)]


def test_every_picture_once_an_epoch_with_its_own_target(pictures):
    got = batches(pictures)
    assert [len(image) for image, _ in got] == [2, 2, 1]
    assert len(got) == STEPS
    images, scores = (np.concatenate(part) for part in zip(*got, strict=True))
    assert images.shape == (PICTURES, 32, 32, 3)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images[:, 0, 0, 0] * 10, scores[:, 0])
    assert sorted(scores[:, 0]) == [0, 10, 20, 30, 40]


def test_crops_are_contiguous_and_anywhere(pictures):
    places = set()
    for images, _ in batches(pictures, epochs=30):
        for image in images:
            top, left = image[0, 0, 1], image[0, 0, 2]
            np.testing.assert_array_equal(image[..., 1], top + np.mgrid[:32, :32][0])
            np.testing.assert_array_equal(image[..., 2], left + np.mgrid[:32, :32][1])
            places.add((top, left))
    tops, lefts = zip(*places, strict=True)
    assert (min(tops), max(tops)) == (0, 18)
    assert (min(lefts), max(lefts)) == (0, 38)


def test_a_later_start_sees_what_a_whole_run_sees(pictures):
    whole = batches(pictures, epochs=4)
    later = batches(pictures, first_epoch=2, epochs=4)
    assert len(later) == 2 * STEPS
    for (image, score), (same_image, same_score) in zip(whole[-len(later) :], later, strict=True):
        np.testing.assert_array_equal(image, same_image)
        np.testing.assert_array_equal(score, same_score)


def test_order_changes_with_epoch_and_seed(pictures):
    orders = {
        tuple(np.concatenate([s for _, s in batches(pictures, first_epoch=e, epochs=e + 1)])[:, 0]) for e in range(6)
    }
    assert len(orders) > 3
    seeds = {tuple(np.concatenate([s for _, s in batches(pictures, seed=s)])[:, 0]) for s in range(6)}
    assert len(seeds) > 3


def test_several_crops_of_a_picture_differ(pictures):
    got = batches(pictures, crops_per_picture=3, batch_size=15)
    images, scores = got[0]
    assert sorted(scores[:, 0]) == sorted([0, 10, 20, 30, 40] * 3)
    assert len({tuple(image[0, 0]) for image in images}) > PICTURES


def test_flip_mirrors_about_half(pictures):
    flipped = [
        image[0, 1, 2] < image[0, 0, 2] for images, _ in batches(pictures, epochs=20, flip=True) for image in images
    ]
    assert 25 < sum(flipped) < 75
    assert not any(image[0, 1, 2] < image[0, 0, 2] for images, _ in batches(pictures, epochs=5) for image in images)


def test_crops_need_not_be_square(pictures):
    images, _ = batches(pictures, crop=(34, 60))[0]
    assert images.shape[1:] == (34, 60, 3)
    assert (np.diff(images[..., 1], axis=1) == 1).all()  # green is the row
    assert (np.diff(images[..., 2], axis=2) == 1).all()  # blue is the column


def test_a_crop_as_large_as_the_picture():
    words = np.array([2**64 - 1, 7, 1], np.uint64)
    assert random_crop(np.zeros((32, 32, 3), np.uint8), (32, 32), words).shape == (32, 32, 3)


def test_the_draws_are_the_same_on_every_machine(pictures):
    (images, scores), *_ = batches(pictures, seed=3)
    assert scores[:, 0].tolist() == [0, 40]
    assert images[:, 0, 0, 1:].tolist() == [[18, 4], [8, 37]]


def test_the_number_of_threads_changes_nothing(pictures):
    one, three = ([image.numpy() for image, _ in dataset(pictures, epochs=3, workers=workers)] for workers in (1, 3))
    for image, same in zip(one, three, strict=True):
        np.testing.assert_array_equal(image, same)


def test_formats_beyond_tensorflow_are_trained_on(tmp_path):
    path = tmp_path / "print.tif"
    Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(path)
    ((image, _),) = batches([path])
    assert image[0, 0, 0].tolist() == [255, 0, 0]


def test_pictures_are_resized_by_the_policy(pictures):
    images, _ = batches(pictures, resize="shorter_side:40", crop=(40, 40), batch_size=5)[0]
    assert images.shape == (5, 40, 40, 3)
    assert images[..., 1].max() >= 48  # the whole height of 50 rows is in the crop


def test_a_picture_that_became_too_small_is_named(pictures, tmp_path):
    for size in ((40, 20), (20, 40), (31, 31)):
        Image.new("RGB", size).save(tmp_path / "small.png")
        with pytest.raises(tf.errors.OpError, match=r"small\.png: is too small for crops of 32x32"):
            batches([*pictures, tmp_path / "small.png"])


def test_a_dataset_left_early_leaves_no_threads(pictures):
    for _ in zip(range(3), dataset(pictures, epochs=100), strict=False):
        pass
    gc.collect()
    deadline = time.monotonic() + 10
    while (left := [t.name for t in threading.enumerate() if t.name.startswith("ThreadPool")]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert left == []


def test_a_broken_picture_fails_loudly(pictures, tmp_path):
    whole = pictures[0].read_bytes()
    (tmp_path / "bad.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(tf.errors.OpError, match=r"bad\.png: "):
        batches([tmp_path / "bad.png"])
