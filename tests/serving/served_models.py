"""Small SavedModels, and the plain HTTP call that the server tests use."""

import atexit
import contextlib
import functools
import http.client
import io
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_folders import ModelSource, all_versions, find_models
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import RestServer


@functools.cache
def models_folder():
    """A folder of models, built once for all tests:

    * `half_plus_two/123`: x float of any shape -> y = x/2 + 2;
    * `times/1`, `times/2`: x float (n,) -> x times the version, which is a variable's value;
    * `kinds/1`: signatures named below;
    * `pictures/1`: a Keras export; image_bytes string (n,) -> quality float (n,), the mean of the pixels.
    """
    folder = Path(tempfile.mkdtemp(prefix="tfiqa-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    any_float = tf.TensorSpec(None, tf.float32, "x")
    _save(folder / "half_plus_two/123", {"serving_default": _function(lambda x: {"y": x / 2 + 2}, any_float)})
    for version in (1, 2):
        _save_times(folder / "times" / str(version), version)
    _save_kinds(folder / "kinds/1")
    _save_pictures(folder / "pictures/1")
    return folder


@contextlib.contextmanager
def served(make=RestServer, **settings):
    """A running server, by default the REST server, over all models of `models_folder`, all versions of each.

    `settings` are those of `Inference`.
    """
    sources = [ModelSource(source.name, source.base_path, all_versions()) for source in find_models(models_folder())]
    store = ModelStore(sources, poll_seconds=0, load_retries=0)
    store.start()
    server = make(Inference(store, **settings), port=0)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        store.stop()


def call(server, method, target, body=None, headers=None):
    """(status, headers, body bytes) of one request."""
    with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=30)) as connection:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def predict(server, model, body):
    """(status, parsed answer) of a predict request; `body` is text, bytes or an object to send as JSON."""
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    body = body.encode() if isinstance(body, str) else body
    status, headers, answer = call(server, "POST", f"/v1/models/{model}:predict", body)
    assert headers["Content-Type"] == "application/json"
    return status, json.loads(answer)


def png(height, width, value):
    """The bytes of a PNG of one colour."""
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def _function(body, *inputs):
    return tf.function(body, input_signature=list(inputs))


def _save(folder, signatures, module=None):
    module = module or tf.Module()
    module.functions = list(signatures.values())
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _save_times(folder, version):
    module = tf.Module()
    module.factor = tf.Variable(float(version))
    vector = tf.TensorSpec([None], tf.float32, "x")
    _save(folder, {"serving_default": _function(lambda x: {"y": x * module.factor}, vector)}, module)


def _save_kinds(folder):
    def same_type(dtype, change=tf.identity):
        return _function(lambda x: {"y": change(x)}, tf.TensorSpec(None, dtype, "x"))

    vector, text = tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec(None, tf.string, "s")
    a, b = tf.TensorSpec([None], tf.float32, "a"), tf.TensorSpec([None], tf.float32, "b")
    _save(
        folder,
        {
            "serving_default": same_type(tf.float32),
            "double": same_type(tf.float64),
            "int32": same_type(tf.int32, lambda x: x + 1),
            "int64": same_type(tf.int64, lambda x: x + 1),
            "int16": same_type(tf.int16),
            "uint8": same_type(tf.uint8),
            "uint32": same_type(tf.uint32),
            "uint64": same_type(tf.uint64),
            "bool": same_type(tf.bool, tf.logical_not),
            "half": same_type(tf.float16),
            "to_half": same_type(tf.float32, lambda x: tf.cast(x, tf.float16)),
            "two": _function(lambda a, b: {"sum": a + b, "difference": a - b}, a, b),
            "total": _function(lambda x: {"total": tf.reduce_sum(x)}, vector),
            "uneven": _function(lambda x: {"all": tf.identity(x), "first": x[:1]}, vector),
            "text": _function(lambda s: {"text": tf.strings.join(["<", s, ">"])}, text),
            "bytes": _function(lambda s: {"copy_bytes": tf.identity(s)}, text),
            "text_and_bytes": _function(
                lambda s: {"text": tf.identity(s), "copy_bytes": tf.identity(s), "n": tf.strings.length(s)}, text
            ),
            "positive": _function(_checked, vector),
            "slow": _function(_count, tf.TensorSpec([None], tf.float32, "x")),
        },
    )


def _checked(x):
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x >= 0), ["found a negative value"])]):
        return {"y": tf.identity(x)}


def _count(x):
    """Counts up to x[0], one loop step at a time."""
    return {"y": tf.while_loop(lambda y: y[0] < x[0], lambda y: (y + 1,), (tf.zeros_like(x),))[0]}


def _save_pictures(folder):
    import keras

    inputs = keras.Input((None, None, 3))
    mean = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))

    def quality(image_bytes):
        def score(data):
            picture = tf.io.decode_image(data, channels=3, expand_animations=False)
            return tf.reduce_mean(mean(tf.cast(picture, tf.float32)[None], training=False))

        return {"quality": tf.map_fn(score, image_bytes, fn_output_signature=tf.float32)}

    archive = keras.export.ExportArchive()
    archive.track(mean)
    archive.add_endpoint("serving_default", quality, [tf.TensorSpec([None], tf.string, "image_bytes")])
    archive.add_endpoint(
        "boxes",
        lambda image_bytes, boxes: {**quality(image_bytes), "box_quality": tf.reduce_sum(boxes, axis=-1)},
        [tf.TensorSpec([None], tf.string, "image_bytes"), tf.TensorSpec([None, None, 4], tf.float32, "boxes")],
    )
    archive.write_out(str(folder), verbose=False)
