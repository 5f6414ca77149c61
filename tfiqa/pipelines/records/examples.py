"""One row as a serialised `tf.train.Example`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfiqa.images.decode import picture_size
from tfiqa.images.picture_file import known_header
from tfiqa.pipelines.records.schema import ENCODED, FORMAT, HEIGHT, SHA256, WIDTH, Feature

LISTS = {"bytes": "bytes_list", "int64": "int64_list", "float32": "float_list"}


def picture_values(data: bytes, name: str) -> dict[str, object]:
    """The features that come from a picture's bytes. Raises PictureError, calling the picture `name`."""
    width, height = picture_size(data, name=name)
    return {
        ENCODED: data,
        FORMAT: known_header(data, name).format.encode(),
        WIDTH: width,
        HEIGHT: height,
        SHA256: hashlib.sha256(data).hexdigest().encode(),
    }


def example_bytes(features: Sequence[Feature], values: Mapping[str, object]) -> bytes:
    """The Example with one value for each feature; equal values give equal bytes."""
    example = tf.train.Example()
    slots = example.features.feature
    for feature in features:
        getattr(slots[feature.name], LISTS[feature.dtype]).value.append(values[feature.name])
    return example.SerializeToString(deterministic=True)
