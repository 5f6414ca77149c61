"""Small SavedModels with what the web page shows: scores on two scales, a map, scenes, an uncertainty, refused pictures."""

import atexit
import functools
import io
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import ModelInfo
from tfiqa.score_scale import ScoreScale
from tfiqa.serving.package import CARD
from tfiqa.serving.server.model_folders import ModelSource

PNG_START = b"\x89PNG"
CONVERT = "is no PNG picture; others have to be converted, to PNG for example"
BRIGHTNESS = ScoreScale(0.0, 100.0, True, "brightness", words=True)
RANK = ScoreScale(1.0, 15.0, False, "rank")


@functools.cache
def page_sources():
    """Sources built once for all tests; pictures are PNG, and all else is refused in the output `error`:

    * `brightness`, versions 1 and 2, label "old" for 1: `quality` the mean of the pixels as percentage, which a table tells in
      words too, `attributes` of red, green and blue, `map` of 20 x 20 mean pixels; version 1 gives half of that;
    * `rank`, of lower ranks is better: 15 - 14 times the mean, `uncertainty` 1.4, scenes "dark" and "bright"; takes EXIF, and
      refuses any picture with some;
    * `plain`: no card, the one output `y`, the mean.
    """
    folder = Path(tempfile.mkdtemp(prefix="tfiqa-page-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for version in (1, 2):
        _save_brightness(folder / "brightness" / str(version), version / 2)
    _save_rank(folder / "rank/1")
    _save(
        folder / "plain/1", {"serving_default": (lambda image_bytes: {"y": _each(_means, image_bytes, (3,))[:, 0]}, [])}
    )
    labels = {"brightness": {"old": 1}}
    return [ModelSource(name, folder / name, labels=labels.get(name, {})) for name in ("brightness", "rank", "plain")]


def png(grey, size=(60, 40)):
    """A PNG of one grey level (or RGB)."""
    return encoded(Image.new("RGB", size, grey if isinstance(grey, tuple) else (grey, grey, grey)), "PNG")


def encoded(picture, form, **options):
    """A picture as a file's bytes."""
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def gradient():
    """A PNG, black at the left edge and white at the right one."""
    row = np.linspace(0, 255, 120).astype(np.uint8)
    return encoded(Image.fromarray(np.broadcast_to(row[:, None], (80, 120, 3))), "PNG")


def _means(picture):
    return tf.reduce_mean(picture, axis=(0, 1)) / 255


def _grid(picture):
    return tf.image.resize(tf.reduce_mean(picture, axis=2, keepdims=True), (20, 20), "area")[:, :, 0] / 255


def _each(of_one, image_bytes, shape):
    """What a function of a picture gives for each PNG, NaN for others."""

    def one(data):
        def decoded():
            picture = tf.io.decode_png(data, channels=3)
            return tf.reshape(of_one(tf.cast(picture, tf.float32)), shape)

        return tf.cond(_is_png(data), decoded, lambda: tf.fill(shape, float("nan")))

    return tf.map_fn(one, image_bytes, fn_output_signature=tf.TensorSpec(shape, tf.float32))


def _is_png(data):
    return tf.strings.substr(data, 0, 4) == PNG_START


def _errors(image_bytes):
    return tf.where(_is_png(image_bytes), "", CONVERT)


def _save_brightness(folder, factor):
    def scores(image_bytes):
        means = 100 * factor * _each(_means, image_bytes, (3,))
        return {"quality": tf.reduce_mean(means, axis=1), "attributes": means, "error": _errors(image_bytes)}

    def maps(image_bytes):
        grid = 100 * factor * _each(_grid, image_bytes, (20, 20))
        return {"quality": tf.reduce_mean(grid, axis=(1, 2)), "map": grid, "error": _errors(image_bytes)}

    def card(request):
        return {"card": tf.identity(request)}

    columns = {"quality": ("quality",), "attributes": ("red", "green", "blue")}
    _save(folder, {"serving_default": (scores, []), "map": (maps, []), "card": (card, [])}, BRIGHTNESS, columns)


def _save_rank(folder):
    def scores(image_bytes, exif):
        mean = tf.reduce_mean(_each(_means, image_bytes, (3,)), axis=1)
        none = tf.reduce_all(tf.math.is_nan(exif), axis=1)
        bright = tf.stack([1 - mean, mean], axis=1)
        return {
            "quality": 15 - 14 * mean,
            "uncertainty": tf.fill(tf.shape(mean), 1.4),
            "scene_probabilities": bright,
            "scene_votes": tf.round(bright),
            "error": tf.where(none, _errors(image_bytes), "has EXIF"),
        }

    columns = {
        "quality": ("quality",),
        "uncertainty": ("uncertainty",),
        "scene_probabilities": ("scene_dark", "scene_bright"),
        "scene_votes": ("votes_dark", "votes_bright"),
    }
    exif = tf.TensorSpec((None, 8), tf.float32, "exif")
    _save(folder, {"serving_default": (scores, [exif])}, RANK, columns)


def _save(folder, signatures, scale=None, columns=None):
    encoded_pictures = tf.TensorSpec((None,), tf.string, "image_bytes")
    module = tf.Module()
    functions = {}
    for name, (body, others) in signatures.items():
        first = tf.TensorSpec((None,), tf.string, "request") if name == "card" else encoded_pictures
        functions[name] = tf.function(body, input_signature=[first, *others])
    module.functions = list(functions.values())
    tf.saved_model.save(module, str(folder), signatures=functions)
    if scale is not None:
        info = ModelInfo("spaq_bl", {}, PictureProtocol(), scale, columns)
        (folder / CARD).parent.mkdir()
        (folder / CARD).write_text(json.dumps(info.to_dict()))
