"""Running an exported SavedModel in this process, bytes in, as a server would."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfiqa.errors import BrokenPicture, CheckpointError, PictureError, UnsupportedPicture
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.records.packed_picture import file_or_bytes
from tfiqa.pipelines.scoring import Item, Outputs, Source, or_error, own_exif, with_exif
from tfiqa.serving.error_output import ERROR
from tfiqa.serving.graph_bytes import graph_bytes, upright_png
from tfiqa.serving.package import read_card


class SavedModelPredictor:
    """Runs the `serving_default` signature of an exported model, a picture at a time.

    Args:
        folder: a version folder.
        max_pixels: larger pictures are refused.
        workers: threads; while one picture is in the network the next is read and decoded.
    """

    def __init__(self, folder: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS, workers: int | None = None) -> None:
        import tensorflow as tf

        self.info = read_card(folder)
        self.max_pixels = max_pixels
        self.workers = workers or os.cpu_count() or 1
        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept: its variables die with it
            self._signature = self._loaded.signatures["serving_default"]
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise CheckpointError(f"{folder} cannot be loaded: {str(error).splitlines()[0][:200]}") from error

    def predict(self, source: Source) -> Outputs:
        """Outputs of one picture, each (columns,) float32. Raises PictureError."""
        return self._predict((source, None))

    def _predict(self, item: Item) -> Outputs:
        import tensorflow as tf

        source, exif = item
        picture, name = file_or_bytes(source)
        data = graph_bytes(picture, name=name, max_pixels=self.max_pixels)
        inputs = {"image_bytes": tf.constant([data])}
        if "exif" in self._signature.structured_input_signature[1]:
            inputs["exif"] = tf.constant([own_exif(source) if exif is None else exif], tf.float32)
        outputs = self._run(inputs, name)
        if _error_of(outputs):
            # Pillow forgives damage that TensorFlow's decoder does not, such as a JPEG without its end marker. Where it
            # does not either, its error says more.
            png = upright_png(data, name=name, max_pixels=self.max_pixels, scaled_for=self.info.protocol.scaled_for)
            inputs["image_bytes"] = tf.constant([png])
            outputs = self._run(inputs, name)
            if reason := _error_of(outputs):
                raise UnsupportedPicture(name, reason)
        return {key: value[0].reshape(-1) for key, value in outputs.items() if key != ERROR}

    def _run(self, inputs: dict[str, Any], name: str) -> Outputs:
        import tensorflow as tf

        try:
            return {key: value.numpy() for key, value in self._signature(**inputs).items()}
        except tf.errors.OpError as error:
            raise BrokenPicture(name, f"the exported graph refuses it ({type(error).__name__})") from error

    def predict_all(
        self, sources: Iterable[Source], exif: Iterable[np.ndarray] | None = None
    ) -> Iterator[Outputs | PictureError]:
        """Outputs, or the error, of each picture, in order and as they come; see `PicturePredictor.predict_all`."""
        return map_in_order(or_error(self._predict), with_exif(sources, exif), self.workers)


def _error_of(outputs: Outputs) -> str:
    """Why the graph gave the one picture no scores; "" if it did, as do exports from before there was this output."""
    return bytes(outputs[ERROR][0]).decode() if ERROR in outputs else ""
