"""Scoring whole pictures with a Keras model by its protocol: threads decode and resize while the network runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tfiqa.errors import InvalidInput, PictureError, UnsupportedPicture
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, decode_picture
from tfiqa.images.protocol import PictureProtocol
from tfiqa.in_order import map_in_order

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

Outputs = dict[str, np.ndarray]
Source = str | Path | bytes
Result = TypeVar("Result")


class PicturePredictor:
    """Runs a model on whole pictures: its resize policy, its patches, the mean over them.

    Args:
        model: a tfiqa model with the single input `image`.
        batch_size: patches in one pass through the network; a picture of more patches takes several passes.
        patch_stride: overrides the protocol's stride.
        max_pixels: larger pictures are refused.
        workers: decoding threads; by default one per processor.
    """

    def __init__(
        self,
        model: QualityModel,
        *,
        batch_size: int = 32,
        patch_stride: int | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        workers: int | None = None,
    ) -> None:
        self.protocol: PictureProtocol = model.info.protocol
        if patch_stride is not None and self.protocol.patch_size is not None:
            self.protocol = replace(self.protocol, patch_stride=patch_stride)
        self.batch_size = batch_size
        self.max_pixels = max_pixels
        self.workers = workers or os.cpu_count() or 1
        self._network = network_function(model)

    def predict(self, source: Source) -> Outputs:
        """Outputs for one picture, each (columns,) float32. Raises PictureError."""
        return self._mean_over_patches(self._prepare(source))

    def predict_all(self, sources: Iterable[Source]) -> Iterator[Outputs | PictureError]:
        """Outputs, or the error, of each picture, in the given order and as they come."""
        for patches in map_in_order(or_error(self._prepare), sources, self.workers):
            yield patches if isinstance(patches, PictureError) else self._mean_over_patches(patches)

    def _prepare(self, source: Source) -> np.ndarray:
        picture = decode_picture(source, max_pixels=self.max_pixels)
        try:
            return self.protocol.prepare(picture)
        except InvalidInput as error:  # a picture that the resize policy cannot take
            raise UnsupportedPicture("picture" if isinstance(source, bytes) else str(source), str(error)) from error

    def _mean_over_patches(self, patches: np.ndarray) -> Outputs:
        sums: dict[str, np.ndarray] = {}
        for start in range(0, len(patches), self.batch_size):
            for name, values in self._network(patches[start : start + self.batch_size]).items():
                sums[name] = sums.get(name, 0) + values.astype(np.float64).sum(axis=0)
        return {name: (total / len(patches)).astype(np.float32) for name, total in sums.items()}


def or_error(function: Callable[[Source], Result]) -> Callable[[Source], Result | PictureError]:
    """The function with a PictureError returned instead of raised, so that one bad picture does not end a long list."""

    def guarded(source: Source) -> Result | PictureError:
        try:
            return function(source)
        except PictureError as error:
            return error

    return guarded


def network_function(model: QualityModel) -> Callable[[np.ndarray], Outputs]:
    """The model in inference mode as a function of RGB 0..255 (N, H, W, 3) to arrays (N, columns).

    With TensorFlow it is compiled once for all sizes; other backends compile anew for each. It reads the model's weights at
    each call, so it stays right while the model trains.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return lambda images: {
            name: np.asarray(v) for name, v in model.predict_on_batch(images.astype(np.float32)).items()
        }

    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
    def network(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(images, training=False)

    return lambda images: {name: value.numpy() for name, value in network(images.astype(np.float32)).items()}
