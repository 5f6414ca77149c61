"""Writing a model of patches as one LiteRT (TensorFlow Lite) file for phones and small services, in float32 or in int8."""

from __future__ import annotations

import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput
from tfiqa.files import whole_file
from tfiqa.images.decode import decode_picture
from tfiqa.models.model_info import ModelInfo

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

CARD = "tfiqa.json"  # in the zip archive behind the graph, where LiteRT's readers of metadata look for files
SIGNATURE = "serving_default"
PIXELS = "pixels"  # scope of what is before the model's layers
CALIBRATION_PATCHES = 500  # more cost time: the ranges are found by kernels that nothing speeds up


def export_litert(model: QualityModel, output: str | Path, pictures: Sequence[str | Path] | None = None) -> Path:
    """Writes a `.tflite` file, whole or not at all.

    Its signature `serving_default` takes `image`, uint8 (P, side, side, 3) RGB patches of one picture with the surroundings
    that the protocol gives them, for any number P, and gives the model's raw outputs, float32 (P, columns). The model's
    information (protocol, score scale, columns) is `tfiqa.json` in the zip archive at the file's end:
    ``unzip -p model.tflite tfiqa.json``.

    Args:
        model: a model that scores patches.
        output: the file, which ends in .tflite.
        pictures: for int8, pictures like those to be scored: from their patches come the ranges of the values between the
            layers. Layers with weights, and what is between them, then compute in int8, with a scale for each channel of the
            weights. What is before the first stays float32, since 256 levels cannot hold a local variance, and so do the last
            ones, whose rounding would be that of the scores.

    Raises InvalidInput for a model of whole pictures or another ending, PictureError, StorageError.
    """
    import keras

    path = Path(output)
    if path.suffix != ".tflite":
        raise InvalidInput(f"a LiteRT file ends in .tflite. Received: {output}")
    if keras.backend.backend() != "tensorflow":
        raise InvalidInput("a LiteRT file is exported with KERAS_BACKEND=tensorflow; the .keras file is the same")
    side = patch_side(model.info)
    if len(model.inputs) > 1:
        raise InvalidInput(f"a LiteRT file takes patches alone; {model.info.model} has more inputs")
    representative = None if pictures is None else representative_patches(model.info, pictures)
    with whole_file(path) as file:
        file.write_bytes(_converted(model, side, representative))
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(CARD, json.dumps(model.info.to_dict(), indent=2) + "\n")
    return path


def patch_side(info: ModelInfo) -> int:
    """Pixels along each side of the patches that a model's LiteRT file takes. Raises InvalidInput for whole pictures."""
    protocol = info.protocol
    if info.scale is None or protocol.patch_size is None:
        raise InvalidInput(
            f"a LiteRT file is for models that score patches, such as dcnns and cnniqa; {info.model} does not"
        )
    return protocol.patch_size + 2 * protocol.patch_margin


def representative_patches(info: ModelInfo, pictures: Sequence[str | Path]) -> NDArray[np.uint8]:
    """Up to CALIBRATION_PATCHES of a model's patches, evenly from all pictures, or from so many of them: (P, side, side, 3).

    Raises PictureError, and InvalidInput where no picture is as large as a patch.
    """
    side = patch_side(info)
    kept = [pictures[index] for index in _evenly(len(pictures), CALIBRATION_PATCHES)]
    share = -(-CALIBRATION_PATCHES // max(len(kept), 1))
    found = []
    for picture in kept:
        pixels = decode_picture(picture)
        try:
            patches = info.protocol.prepare(pixels)
        except InvalidInput:  # too small
            continue
        if patches.shape[1:3] == (side, side):
            found.append(patches[_evenly(len(patches), share)])
    if not found:
        raise InvalidInput(f"none of the {len(pictures)} representative pictures has a patch of {side}x{side} pixels")
    return np.concatenate(found)


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """Up to `most` of the indices below `count`."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _converted(model: QualityModel, side: int, representative: NDArray[np.uint8] | None) -> bytes:
    import tensorflow as tf
    from keras.export import ExportArchive

    from tfiqa.models.outputs import picture_outputs

    def raw(image: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.name_scope(PIXELS):
            pixels = tf.cast(image, tf.float32)
        return picture_outputs(model(pixels, training=False))

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter, on what it does not miss
        archive = ExportArchive()
        archive.track(model)
        archive.add_endpoint(SIGNATURE, raw, [tf.TensorSpec((None, side, side, 3), tf.uint8, name="image")])
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        as_float: bytes = converter.convert()
        if representative is None:
            return as_float

        def samples() -> Iterator[dict[str, Any]]:
            return ({"image": patch[np.newaxis]} for patch in representative)

        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        # The converter alone would put every layer into int8; the debugger's options are the public way to except some.
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=_in_float(model, as_float))
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=samples, debug_options=options
        )
        quantized: bytes = debugger.get_nondebug_quantized_model()
        return quantized


def _in_float(model: QualityModel, converted: bytes) -> list[str]:
    """The names of a converted graph's values that stay float32 in int8 files."""
    import tensorflow as tf

    first = next(index for index, layer in enumerate(model.layers) if layer.weights)
    scopes = [f"/{name}" for name in (PIXELS, *(layer.name for layer in model.layers[:first]))]

    def before_weights(name: str) -> bool:  # a name of several values is of operations made one
        return all(any(scope in f"/{value}" for scope in scopes) for value in name.split(";"))

    graph = tf.lite.Interpreter(model_content=converted)
    before = [value["name"] for value in graph.get_tensor_details() if before_weights(value["name"])]
    return [*before, *(value["name"] for value in graph.get_output_details())]
