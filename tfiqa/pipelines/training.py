"""The `tf.data` pipeline of training: seeded order, decoding, resizing, random crops.

Everything random is a pure function of (seed, epoch, position), so that a run resumed at any epoch sees what the uninterrupted
run would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfiqa.images.decode_graph import decode_file_graph
from tfiqa.images.resize import parse_policy
from tfiqa.images.resize_graph import resize_graph


@dataclass(frozen=True)
class CropSettings:
    """How pictures become crops; see the fields of the same names in the recipe's data section."""

    resize: str
    crop: int
    crops_per_picture: int
    flip: bool
    max_pixels: int


def steps_per_epoch(pictures: int, crops_per_picture: int, batch_size: int) -> int:
    """Batches in one epoch, the last and smaller one included."""
    return math.ceil(pictures * crops_per_picture / batch_size)


def training_dataset(
    paths: Sequence[Path],
    targets: Mapping[str, np.ndarray],
    settings: CropSettings,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    epochs: int,
    allow_pillow: bool,
) -> tf.data.Dataset:
    """Batches of crops for the epochs `first_epoch` .. `epochs` - 1, one after the other.

    Args:
        paths: pictures; each at least `settings.crop` on both sides after the resize.
        targets: for each trained output float32 (len(paths), columns).
        settings: resize policy, crops and augmentation.
        batch_size: crops in a batch; batches do not straddle epochs.
        seed: decides order, crops and flips.
        first_epoch: where a resumed run goes on.
        epochs: end of the run.
        allow_pillow: whether some pictures need Pillow. Without, the pipeline holds no Python and runs fully in parallel.

    Returns:
        A dataset of (`image` float32 (N, crop, crop, 3) RGB 0..255, dictionary of targets float32 (N, columns)).
    """
    names = tf.constant([str(path) for path in paths])
    targets_of = {name: tf.constant(values, tf.float32) for name, values in targets.items()}
    policy = parse_policy(settings.resize)
    count = len(paths) * settings.crops_per_picture

    @tf.autograph.experimental.do_not_convert
    def crop_of(epoch: tf.Tensor, position: tf.Tensor, draw: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        index = draw // settings.crops_per_picture
        picture = decode_file_graph(names[index], allow_pillow=allow_pillow, max_pixels=settings.max_pixels)
        picture = resize_graph(picture, policy)
        crop = random_crop(
            picture, settings.crop, settings.flip, seed=tf.stack([tf.cast(seed, tf.int64), epoch * count + position])
        )
        return tf.cast(crop, tf.float32), {name: values[index] for name, values in targets_of.items()}

    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count, dtype=tf.int64), tf.stack([tf.cast(seed, tf.int64), epoch])
        )
        drawn = tf.data.Dataset.from_tensor_slices((tf.repeat(epoch, count), tf.range(count, dtype=tf.int64), order))
        return drawn.map(crop_of, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).batch(batch_size)

    dataset = tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch)
    return dataset.prefetch(tf.data.AUTOTUNE)


def random_crop(picture: tf.Tensor, size: int, flip: bool, seed: tf.Tensor) -> tf.Tensor:
    """A square crop of a (H, W, 3) picture at a place drawn from `seed` (2,), mirrored in half of the cases when `flip`."""
    draws = tf.random.stateless_uniform((3,), seed)
    last = tf.shape(picture)[:2] - size
    # The product can round up to last + 1, hence the minimum.
    place = tf.minimum(tf.cast(draws[:2] * tf.cast(last + 1, tf.float32), tf.int32), last)
    crop = picture[place[0] : place[0] + size, place[1] : place[1] + size]
    if flip:
        crop = tf.cond(draws[2] < 0.5, lambda: crop[:, ::-1], lambda: crop)
    return tf.ensure_shape(crop, (size, size, 3))
