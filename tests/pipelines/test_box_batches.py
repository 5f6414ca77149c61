"""Batches of pictures with boxes, and their way through the training pipeline."""

import numpy as np
import pytest
from PIL import Image

from tfiqa.pipelines.box_batches import SCORES, BoxBatches, mirrored_boxes
from tfiqa.pipelines.training import CropSettings, training_dataset

BOXES = [np.arange(4 * n, dtype=np.float32).reshape(n, 4) + 100 * i for i, n in enumerate((2, 0, 3))]
BOX_SCORES = [np.arange(n, dtype=np.float32) + 10 * i for i, n in enumerate((2, 0, 3))]
PICTURE_BOXES = np.array([[0, i, 32, 32] for i in range(3)], np.float32)


def batches(batch_size):
    scores = np.array([5, 6, 7], np.float32)
    return BoxBatches(PICTURE_BOXES, BOXES, scores, BOX_SCORES, crops_per_picture=1, batch_size=batch_size, seed=0)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_each_picture_comes_with_its_boxes(batch_size):
    seen = []
    for batch in batches(batch_size).epoch(0):
        most = max(len(BOXES[row]) for row in batch.rows)
        assert batch.targets[SCORES].shape == (len(batch.rows), 1 + most)
        assert batch.inputs["boxes"].shape == (len(batch.rows), most, 4)
        for place, row in enumerate(batch.rows):
            count = len(BOXES[row])
            scores, boxes = batch.targets[SCORES][place], batch.inputs["boxes"][place]
            np.testing.assert_array_equal(scores[: 1 + count], [5 + row, *BOX_SCORES[row]])
            np.testing.assert_array_equal(boxes[:count], BOXES[row])
            assert np.isnan(scores[1 + count :]).all()
            assert np.isnan(boxes[count:]).all()
            np.testing.assert_array_equal(batch.inputs["picture_box"][place], PICTURE_BOXES[row])
            seen.append(row)
    assert sorted(seen) == [0, 1, 2]


def test_boxes_in_the_mirror():
    boxes = np.array([[[0, 1, 3, 4], [np.nan] * 4]], np.float32)
    np.testing.assert_array_equal(mirrored_boxes(boxes, 10), [[[7, 1, 10, 4], [np.nan] * 4]])


def test_pictures_are_mirrored_together_with_their_boxes(tmp_path):
    paths, boxes = [], []
    for place in range(8):
        picture = np.zeros((32, 32, 3), np.uint8)
        picture[4:9, place : place + 6] = 255
        paths.append(tmp_path / f"{place}.png")
        Image.fromarray(picture).save(paths[-1])
        boxes.append(np.array([[place, 4, place + 6, 9]], np.float32))
    whole = np.tile(np.array([0, 0, 32, 32], np.float32), (8, 1))
    zeros = np.zeros(8, np.float32)
    data = BoxBatches(whole, boxes, zeros, [zeros[:1]] * 8, crops_per_picture=1, batch_size=4, seed=0)
    settings = CropSettings(resize="native", crop=(32, 32), flip=True, max_pixels=10**6)
    mirrored = 0
    for features, targets in training_dataset(paths, data, settings, seed=1, first_epoch=0, epochs=2):
        assert targets[SCORES].shape == (4, 2)
        np.testing.assert_array_equal(features["picture_box"], whole[:4])
        for image, (box,) in zip(features["image"].numpy(), features["boxes"].numpy(), strict=True):
            left, top, right, bottom = box.astype(int)
            assert (image[top:bottom, left:right] == 255).all()
            assert image.sum() == 255 * 3 * 30
            mirrored += left >= 16
    assert 0 < mirrored < 16
