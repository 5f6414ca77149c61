"""Batches of whole pictures with boxes in them, of which each picture has its own number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tfiqa.pipelines.batches import Batch, PictureBatches

SCORES = "scores"  # the target: of a picture and its boxes


class BoxBatches:
    """Every picture as often as asked for, as by `PictureBatches`, with its boxes.

    The inputs `picture_box` (N, 4) and `boxes` (N, R, 4) of a batch, and the target `scores` (N, 1 + R), the picture's before its
    boxes', are filled up with NaN to the largest number of boxes in it.

    Args:
        picture_boxes: where each picture is in its training image, float32 (pictures, 4): left, top, right, bottom in pixels.
        boxes: those in each picture, float32 (R, 4).
        scores: of the pictures, float32 (pictures,).
        box_scores: of the boxes, float32 (R,).
        crops_per_picture: how often each picture comes in an epoch.
        batch_size: pictures in a batch; batches do not straddle epochs.
        seed: of the orders.
    """

    def __init__(
        self,
        picture_boxes: NDArray[np.float32],
        boxes: Sequence[NDArray[np.float32]],
        scores: NDArray[np.float32],
        box_scores: Sequence[NDArray[np.float32]],
        *,
        crops_per_picture: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.picture_boxes, self.boxes, self.box_scores = picture_boxes, boxes, box_scores
        self._pictures = PictureBatches({SCORES: scores[:, None]}, crops_per_picture, batch_size, seed)
        self.crops, self.steps = self._pictures.crops, self._pictures.steps
        self.widths = {SCORES: None}
        self.inputs = {"boxes": (None, 4), "picture_box": (4,)}

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        for batch in self._pictures.epoch(epoch):
            boxes = _filled_up([self.boxes[row] for row in batch.rows])
            scores = np.hstack([batch.targets[SCORES], _filled_up([self.box_scores[row] for row in batch.rows])])
            yield Batch(batch.rows, {SCORES: scores}, {"boxes": boxes, "picture_box": self.picture_boxes[batch.rows]})


def mirrored_boxes(boxes: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Boxes (..., 4) of an image that many pixels wide, in its mirror image."""
    left, top, right, bottom = np.moveaxis(boxes, -1, 0)
    return np.stack([width - right, top, width - left, bottom], axis=-1)


def _filled_up(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Arrays (R, ...) of different R as one of the largest, with NaN."""
    filled = np.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), np.nan, np.float32)
    for place, row in enumerate(rows):
        filled[place, : len(row)] = row
    return filled
