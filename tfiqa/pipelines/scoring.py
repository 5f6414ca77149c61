"""Scoring whole pictures with a Keras model by its protocol: threads decode and resize while the network runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tfiqa.errors import InvalidInput, PictureError, UnsupportedPicture
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.images.exif import read_exif
from tfiqa.images.exif_encoding import EXIF_VECTOR, encode_exif, normalise_exif
from tfiqa.images.protocol import PictureProtocol
from tfiqa.images.resize import ResizePolicy
from tfiqa.in_order import map_in_order
from tfiqa.models.backbones.mlsp_taps import smallest_side
from tfiqa.models.outputs import patch_outputs
from tfiqa.pipelines.records.packed_picture import Source, decode_source, file_or_bytes, name_of, of_source

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

Outputs = dict[str, np.ndarray]
Item = tuple[Source, np.ndarray | None]  # a picture and its EXIF numbers, None for its own
Prepared = tuple[np.ndarray, np.ndarray | None]  # patches uint8 (P,H,W,3); exif float32 (8,) for models that take it
Given = TypeVar("Given")
Result = TypeVar("Result")


class PicturePredictor:
    """Runs a model on whole pictures: its resize policy, its patches, the mean over them.

    Args:
        model: a tfiqa model with the input `image`, and perhaps `exif`, which comes from each picture's own EXIF.
        batch_size: patches in one pass through the network; a picture of more patches takes several passes.
        resize: overrides the protocol's resize policy.
        patch_stride: overrides the protocol's stride.
        max_pixels: larger pictures are refused.
        workers: decoding threads; by default one per processor.
    """

    def __init__(
        self,
        model: QualityModel,
        *,
        batch_size: int = 32,
        resize: str | None = None,
        patch_stride: int | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        workers: int | None = None,
    ) -> None:
        self.protocol: PictureProtocol = model.info.protocol
        if resize is not None:
            self.protocol = replace(self.protocol, resize=resize)
        if patch_stride is not None and self.protocol.patch_size is not None:
            self.protocol = replace(self.protocol, patch_stride=patch_stride)
        self.batch_size = batch_size
        self.max_pixels = max_pixels
        self.workers = workers or os.cpu_count() or 1
        self._takes_exif = takes_exif(model)
        self._least = smallest_side(model.info.options.get("body", ""))
        self._network = network_function(model)

    def predict(self, source: Source) -> Outputs:
        """Outputs for one picture, each (columns,) float32. Raises PictureError."""
        return self._mean_over_patches(*self._prepare((source, None)))

    def predict_picture(self, picture: np.ndarray, exif: np.ndarray | None = None) -> Outputs:
        """Outputs for a decoded picture, uint8 (H, W, 3), each (columns,) float32.

        Args:
            picture: as it is shown.
            exif: for a model that takes it, the numbers (8,) as `encode_exif` has them.

        Raises InvalidInput for a size that the model does not take.
        """
        return self._mean_over_patches(self._patches(picture), self._normalised(exif))

    def predict_all(
        self, sources: Iterable[Source], exif: Iterable[np.ndarray] | None = None
    ) -> Iterator[Outputs | PictureError]:
        """Outputs, or the error, of each picture, in the given order and as they come.

        Args:
            sources: the pictures.
            exif: for a model that takes it, each picture's numbers (8,) as `encode_exif` has them, in place of its own EXIF.
        """
        for prepared in map_in_order(or_error(self._prepare), with_exif(sources, exif), self.workers):
            yield prepared if isinstance(prepared, PictureError) else self._mean_over_patches(*prepared)

    def _prepare(self, item: Item) -> Prepared:
        source, exif = item
        patches = of_source(self._patches, source, max_pixels=self.max_pixels, scaled_for=self.protocol.scaled_for)
        return patches, self._normalised(own_exif(source) if self._takes_exif and exif is None else exif)

    def _patches(self, picture: np.ndarray) -> np.ndarray:
        patches = self.protocol.prepare(picture)
        height, width = patches.shape[1:3]
        if min(height, width) < self._least:
            raise InvalidInput(f"{width}x{height} pixels; the model takes sides from {self._least}")
        return patches

    def _normalised(self, exif: np.ndarray | None) -> np.ndarray | None:
        return normalise_exif(exif).astype(np.float32) if self._takes_exif and exif is not None else None

    def _mean_over_patches(self, patches: np.ndarray, exif: np.ndarray | None) -> Outputs:
        return mean_over_patches(lambda part: self._network(part, exif), patches, self.batch_size)


def mean_over_patches(
    network: Callable[[np.ndarray], Mapping[str, np.ndarray]], patches: np.ndarray, batch_size: int
) -> Outputs:
    """The mean of a network's outputs (N, columns) over all patches (P, H, W, 3), which it is given some at a time."""
    sums: dict[str, np.ndarray] = {}
    for start in range(0, len(patches), batch_size):
        for name, values in network(patches[start : start + batch_size]).items():
            sums[name] = sums.get(name, 0) + values.astype(np.float64).sum(axis=0)
    return {name: (total / len(patches)).astype(np.float32) for name, total in sums.items()}


def of_each_picture(
    function: Callable[..., Result],
    items: Iterable[tuple[Any, ...]],
    *,
    exif: bool,
    max_pixels: int,
    workers: int,
    scaled_for: ResizePolicy | None = None,
) -> Iterator[Result | PictureError]:
    """What a function gives for each picture, or the error, in the given order and as they come; threads decode meanwhile.

    Args:
        function: of a decoded picture (H, W, 3), what else its item holds, and its own EXIF numbers (8,), None without `exif`;
            InvalidInput, which it may raise, becomes the picture's error.
        items: the pictures' sources, each in a tuple with what else the function takes.
        exif: whether EXIF is read.
        max_pixels: larger pictures are refused.
        workers: decoding threads.
        scaled_for: as `decode_picture` has it.
    """

    def decoded(item: tuple[Any, ...]) -> tuple[Any, ...]:
        source, *more = item
        picture = decode_source(source, max_pixels=max_pixels, scaled_for=scaled_for)
        return source, picture, *more, own_exif(source) if exif else None

    for each in map_in_order(or_error(decoded), items, workers):
        if isinstance(each, PictureError):
            yield each
            continue
        source, *arguments = each
        try:
            yield function(*arguments)
        except InvalidInput as error:
            yield UnsupportedPicture(name_of(source), str(error))


def or_error(function: Callable[[Given], Result]) -> Callable[[Given], Result | PictureError]:
    """The function with a PictureError returned instead of raised, so that one bad picture does not end a long list."""

    def guarded(item: Given) -> Result | PictureError:
        try:
            return function(item)
        except PictureError as error:
            return error

    return guarded


def with_exif(sources: Iterable[Source], exif: Iterable[np.ndarray] | None) -> Iterator[Item]:
    """Each picture with its EXIF numbers, or with None for its own."""
    return zip(sources, repeat(None), strict=False) if exif is None else zip(sources, exif, strict=True)


def own_exif(source: Source) -> np.ndarray:
    """The EXIF numbers (8,) of a picture, as `encode_exif` has them. Raises PictureError."""
    picture, name = file_or_bytes(source)
    return encode_exif(read_exif(picture, name=name))


def takes_exif(model: QualityModel) -> bool:
    """Whether a model has the input `exif`."""
    return any(tensor.name == "exif" for tensor in model.inputs)


def network_function(model: QualityModel) -> Callable[[np.ndarray, np.ndarray | None], Outputs]:
    """The model in inference mode as a function of a picture's patches, RGB 0..255 (N, H, W, 3), and its `exif` (8,), None
    where the model takes none, to `patch_outputs` (N, columns).

    With TensorFlow it is compiled once for all sizes, and once more when a large one comes (see `pipelines.strips`); other
    backends compile anew for each. It reads the model's weights at each call, so it stays right while the model trains.
    """
    import keras

    def repeated(exif: np.ndarray | None, images: np.ndarray) -> tuple[np.ndarray, ...]:
        return () if exif is None else (np.tile(exif, (len(images), 1)),)

    if keras.backend.backend() != "tensorflow":

        def predict(images: np.ndarray, exif: np.ndarray | None) -> Outputs:
            inputs = model_inputs(images.astype(np.float32), *repeated(exif, images))
            return {name: np.asarray(each) for name, each in patch_outputs(model.predict_on_batch(inputs)).items()}

        return predict

    import tensorflow as tf

    from tfiqa.pipelines.strips import for_all_sizes

    def outputs_of(images: tf.Tensor, exif: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        return patch_outputs(model(model_inputs(images, exif), training=False))

    specification = [tf.TensorSpec((None, None, None, 3), tf.float32)]
    if takes_exif(model):
        specification.append(tf.TensorSpec((None, len(EXIF_VECTOR)), tf.float32))
    network = for_all_sizes(outputs_of, model, *specification)
    return lambda images, exif: {
        name: value.numpy() for name, value in network(images.astype(np.float32), *repeated(exif, images)).items()
    }


def model_inputs(images: Any, exif: Any = None) -> Any:
    """What a model is called with: pictures or patches (N, H, W, 3), and the numbers (N, 8) of one that takes EXIF."""
    return images if exif is None else {"image": images, "exif": exif}
