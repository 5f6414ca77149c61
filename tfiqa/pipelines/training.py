"""The `tf.data` pipeline of training: seeded order, decoding, resizing, random crops.

Everything random is a pure function of (seed, epoch, position), so that a run resumed at any epoch sees what the
uninterrupted run would have seen. Pillow decodes and resizes in threads, outside Python's lock: that is faster than
TensorFlow's operations, whose small steps cost as much as a picture's decoding, and takes every format that can be scored
(`tools/benchmark_data.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.errors import PictureError
from tfiqa.images.resize import parse_policy
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.batches import Batch, Batches
from tfiqa.pipelines.box_batches import mirrored_boxes
from tfiqa.pipelines.random_words import random_words
from tfiqa.pipelines.records.packed_picture import Source, decode_source

DRAWS = 4  # random words a crop: row, column, mirror and one to spare; Philox makes four at a time
CROP_STREAM = 0  # of `random_words`


@dataclass(frozen=True)
class CropSettings:
    """How pictures become crops; see the fields of the same names in the recipe's data section. `crop` is (height, width)."""

    resize: str
    crop: tuple[int, int]
    flip: bool
    max_pixels: int


def training_dataset(
    sources: Sequence[Source] | NDArray[np.uint8],
    batches: Batches,
    settings: CropSettings,
    *,
    seed: int,
    first_epoch: int,
    epochs: int,
    inputs: Mapping[str, NDArray[np.float32]] = MappingProxyType({}),
    workers: int | None = None,
) -> tf.data.Dataset:
    """Batches of crops for the epochs `first_epoch` .. `epochs` - 1, one after the other.

    Args:
        sources: pictures, each at least as large as `settings.crop` after the resize; or crops, uint8 (C, H, W, 3), which are not
            resized.
        batches: which of them come when, with their targets.
        settings: resize policy, crops and augmentation.
        seed: decides crops and flips.
        first_epoch: where a resumed run goes on.
        epochs: end of the run.
        inputs: what the model takes beside `image`, by name: float32 (len(sources), columns).
        workers: decoding threads; by default one for each processor.

    Returns:
        A dataset of (`image` float32 (N, *crop, 3) RGB 0..255, dictionary of targets float32 (N, columns)); with
        `inputs`, or those of the batches, in the place of the picture a dictionary of `image` and them. A
        picture that cannot be decoded, or is too small, is a tf.errors.OpError whose text holds the PictureError's.
    """
    policy = parse_policy(settings.resize)

    def picture_of(source: Source | NDArray[np.uint8]) -> NDArray[np.uint8]:
        if isinstance(source, np.ndarray):
            return source
        return policy.apply(decode_source(source, max_pixels=settings.max_pixels))

    def crop_of(item: tuple[int, NDArray[np.uint64]]) -> tuple[NDArray[np.uint8], bool]:
        index, words = item
        picture = picture_of(sources[index])
        height, width = settings.crop
        if picture.shape[0] < height or picture.shape[1] < width:
            raise PictureError(str(sources[index]), f"is too small for crops of {width}x{height}")
        crop, is_mirrored = random_crop(picture, settings.crop, words), settings.flip and bool(words[2] % np.uint64(2))
        return crop[:, ::-1] if is_mirrored else crop, is_mirrored

    def items() -> Iterator[tuple[int, NDArray[np.uint64]]]:
        for epoch in range(first_epoch, epochs):
            words = iter(random_words(seed, epoch, CROP_STREAM, batches.crops * DRAWS).reshape(-1, DRAWS))
            for batch in batches.epoch(epoch):
                yield from zip(batch.rows, words, strict=False)  # the rows end first

    def crops_and_targets() -> Iterator[tuple[dict[str, NDArray], dict[str, NDArray[np.float32]]]]:
        crops = map_in_order(crop_of, items(), workers or os.cpu_count() or 1)
        for epoch in range(first_epoch, epochs):
            for batch in batches.epoch(epoch):
                images, mirrored = zip(*islice(crops, len(batch.rows)), strict=True)
                of_rows = {name: values[batch.rows] for name, values in inputs.items()}
                yield {"image": np.stack(images), **of_rows, **boxes_of(batch, mirrored)}, dict(batch.targets)

    def boxes_of(batch: Batch, mirrored: tuple[bool, ...]) -> dict[str, NDArray[np.float32]]:
        """A batch's own inputs, which are boxes, in the images as they are."""
        flags = np.array(mirrored)
        return {
            name: np.where(_like(flags, boxes), mirrored_boxes(boxes, settings.crop[1]), boxes)
            for name, boxes in batch.inputs.items()
        }

    image = {"image": tf.TensorSpec((None, *settings.crop, 3), tf.uint8)}
    shapes = {name: values.shape[1:] for name, values in inputs.items()} | dict(batches.inputs)
    features = image | _specs(shapes)
    targets = _specs({name: (width,) for name, width in batches.widths.items()})
    dataset = tf.data.Dataset.from_generator(crops_and_targets, output_signature=(features, targets))

    @tf.autograph.experimental.do_not_convert
    def as_float(
        features: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor | dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        pixels = tf.cast(features["image"], tf.float32)
        return {**features, "image": pixels} if shapes else pixels, outputs

    return dataset.map(as_float, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def random_crop(picture: NDArray[np.uint8], size: tuple[int, int], words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """A crop of `size` (height, width) of a picture (H,W,3) at a place drawn from random `words` (2 or more,)."""
    height, width = np.array(size, np.uint64)
    places = np.array(picture.shape[:2], np.uint64) - np.array(size, np.uint64) + np.uint64(1)
    row, column = words[:2] % places  # 2**64 words for a few thousand places: no bias that could be seen
    return picture[row : row + height, column : column + width]


def _like(flags: NDArray[np.bool_], values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Flags (N,) that go with values (N, ...)."""
    return flags.reshape(-1, *(1,) * (values.ndim - 1))


def _specs(shapes: Mapping[str, tuple[int | None, ...]]) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec((None, *shape), tf.float32) for name, shape in shapes.items()}
