"""Running a LiteRT (TensorFlow Lite) file that `tfiqa export` wrote, on whole pictures."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tfiqa.errors import CheckpointError, InvalidInput, PictureError
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.outputs import patch_outputs
from tfiqa.pipelines.scoring import Outputs, Source, mean_over_patches, of_each_picture
from tfiqa.serving.litert_export import CARD, SIGNATURE, patch_side


class LiteRTPredictor:
    """Runs a LiteRT file on the patches of whole pictures and averages over them, as `PicturePredictor` does the model.

    Args:
        path: the `.tflite` file.
        batch_size: patches in one pass.
        max_pixels: larger pictures are refused.
        workers: decoding threads; by default one per processor. The network takes every processor.
    """

    def __init__(
        self, path: Path, *, batch_size: int = 32, max_pixels: int = DEFAULT_MAX_PIXELS, workers: int | None = None
    ) -> None:
        import tensorflow as tf

        self.info = read_litert_card(path)
        self.batch_size = batch_size
        self.max_pixels = max_pixels
        self.workers = workers or os.cpu_count() or 1
        self._side = patch_side(self.info)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a later TensorFlow without it; setup.cfg keeps to one that has it
                self._interpreter = tf.lite.Interpreter(str(path), num_threads=os.cpu_count())
            self._network = self._interpreter.get_signature_runner(SIGNATURE)
        except (ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} cannot be loaded: {str(error).splitlines()[0][:200]}") from error

    def predict(self, source: Source) -> Outputs:
        """Outputs of one picture, each (columns,) float32. Raises PictureError."""
        outputs = next(self.predict_all([source]))
        if isinstance(outputs, PictureError):
            raise outputs
        return outputs

    def predict_all(
        self, sources: Iterable[Source], exif: Iterable[np.ndarray] | None = None
    ) -> Iterator[Outputs | PictureError]:
        """Outputs, or the error, of each picture, in the given order and as they come; no such model looks at `exif`."""
        items = ((source,) for source in sources)
        return of_each_picture(
            self._predict_picture,
            items,
            exif=False,
            max_pixels=self.max_pixels,
            workers=self.workers,
            scaled_for=self.info.protocol.scaled_for,
        )

    def _predict_picture(self, picture: np.ndarray, _exif: None) -> Outputs:
        patches = self.info.protocol.prepare(picture)
        if patches.shape[1:3] != (self._side, self._side):
            raise InvalidInput(f"smaller than a patch, {self._side}x{self._side} pixels, which the LiteRT file needs")
        return mean_over_patches(self._run, patches, self.batch_size)

    def _run(self, patches: np.ndarray) -> Outputs:
        outputs = patch_outputs(self._network(image=patches))
        return {name: np.asarray(values) for name, values in outputs.items()}


def read_litert_card(path: Path) -> ModelInfo:
    """The information in a LiteRT file that tfiqa exported. Raises CheckpointError for any other file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return ModelInfo.from_dict(json.loads(archive.read(CARD)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is no LiteRT file that `tfiqa export` wrote (no sound {CARD} in it)") from error
