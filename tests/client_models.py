"""Small SavedModels for the client, the servers of both protocols over them, and pictures to send."""

import atexit
import contextlib
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
from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_folders import ModelSource, all_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import RestServer

ENDS = (b"IEND\xaeB`\x82", b"\xff\xd9")  # of whole PNG and JPEG files
SIDE = 12  # shorter pictures are beyond the models
INFO = ModelInfo(
    model="made_up",
    options={},
    protocol=PictureProtocol(),
    scale=ScoreScale(0, 255, True, "mean grey value", words=True),
    columns={"quality": ("quality",), "scene_votes": ("votes_dark", "votes_light"), "corner": ("red", "green", "blue")},
)


@functools.cache
def client_models_folder():
    """A folder of models, built once for all tests. All take pictures:

    * `carded/1`: as `tfiqa export` writes them. quality is the mean of all values, corner a seventh of the first pixel,
      scene_votes tells dark from light; a picture without its last bytes or shorter than SIDE has an error. It stands in for
      models with EXIF too: the signature `exif` has the further output exif, all numbers as they came;
    * `times/1`, `times/2`: x float (n,) -> y, x times the version;
    * `plain/1`: says nothing of itself and has outputs of many kinds; a picture that it cannot decode fails the request.
    """
    folder = Path(tempfile.mkdtemp(prefix="tfiqa-client-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _save_carded(folder / "carded/1")
    for version in (1, 2):
        _save_times(folder / "times" / str(version), version)
    _save_plain(folder / "plain/1")
    return folder


@contextlib.contextmanager
def client_served():
    """The addresses of both servers over the models, by scheme; `times` has the label "old" for version 1."""
    with one_server(RestServer) as (_, rest), one_server(GrpcServer) as (_, grpc):
        yield {"http": rest, "grpc": grpc}


@contextlib.contextmanager
def one_server(make):
    """(a server of a class over the models, its address); it may be stopped inside, and its `store` changed."""
    labels = {"times": {"old": 1}}
    sources = [
        ModelSource(base.name, base, all_versions(), labels.get(base.name, {}))
        for base in sorted(client_models_folder().iterdir())
    ]
    store = ModelStore(sources, poll_seconds=0, load_retries=0, labels_for_unavailable=True)
    store.start()
    server = make(Inference(store), port=0)
    server.store = store
    server.start()
    stopped = []
    stop = server.stop
    server.stop = lambda seconds: (stopped.append(True), stop(seconds))
    try:
        yield server, f"{'http' if make is RestServer else 'grpc'}://127.0.0.1:{server.port}"
    finally:
        if not stopped:
            stop(1)
        store.stop()


def picture(value, form="PNG", size=(16, 20), **options):
    """The bytes of a picture of one grey value."""
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(file, form, **options)
    return file.getvalue()


def _save_carded(folder):
    text = tf.TensorSpec([None], tf.string, "image_bytes")

    @tf.function(input_signature=[text])
    def scores(image_bytes):
        return tf.map_fn(_scores, image_bytes, fn_output_signature={**_SCORES, "error": tf.string})

    with_exif = tf.function(
        lambda image_bytes, exif: {**scores(image_bytes), "exif": exif},
        [text, tf.TensorSpec([None, 8], tf.float32, "exif")],
    )
    card = tf.function(
        lambda request: {"card": tf.fill(tf.shape(request), json.dumps(INFO.to_dict()))},
        [tf.TensorSpec([None], tf.string, "request")],
    )
    _save(folder, {"serving_default": scores, "exif": with_exif, "card": card})
    (folder / CARD).parent.mkdir()
    (folder / CARD).write_text(json.dumps(INFO.to_dict()))


def _save_times(folder, version):
    vector = tf.TensorSpec([None], tf.float32, "x")
    _save(folder, {"serving_default": tf.function(lambda x: {"y": x * version}, [vector])})


_SCORES = {
    "quality": tf.TensorSpec([], tf.float32),
    "scene_votes": tf.TensorSpec([2], tf.float32),
    "scene_probabilities": tf.TensorSpec([2], tf.float32),
    "corner": tf.TensorSpec([3], tf.float32),
}


def _scores(data):
    whole = tf.reduce_any([tf.strings.substr(data, -len(end), len(end)) == end for end in ENDS])
    pixels = tf.cond(whole, lambda: _decoded(data), lambda: tf.zeros((SIDE, SIDE, 3)))
    error = tf.where(whole, tf.where(tf.shape(pixels)[0] < SIDE, "is too small", ""), "has no end")
    nothing = tf.where(error == "", 0.0, float("nan"))
    mean = tf.reduce_mean(pixels) + nothing
    votes = tf.cast(tf.stack([mean < 128, mean >= 128]), tf.float32) + nothing
    return {
        "quality": mean,
        "scene_votes": votes,
        "scene_probabilities": votes,
        "corner": pixels[0, 0] / 7 + nothing,
        "error": error,
    }


def _decoded(data):
    pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
    return tf.cast(tf.ensure_shape(pixels, [None, None, 3]), tf.float32)


def _save_plain(folder):
    def outputs(data):
        pixels = _decoded(data)
        mean = tf.reduce_mean(pixels)
        return {
            "mean": mean,
            "column": mean[None],
            "corner": pixels[0, 0],
            "rows": tf.shape(pixels)[0],
            "light": mean >= 128,
            "word": tf.where(mean >= 128, "light", "dark"),
            "first_row": pixels[0, :, 0],
        }

    signature = {
        "mean": tf.float32,
        "column": tf.TensorSpec([1], tf.float32),
        "corner": tf.TensorSpec([3], tf.float32),
        "rows": tf.int32,
        "light": tf.bool,
        "word": tf.string,
        "first_row": tf.TensorSpec([None], tf.float32),
    }
    text = tf.TensorSpec([None], tf.string, "encoded")
    function = tf.function(lambda encoded: tf.map_fn(outputs, encoded, fn_output_signature=signature), [text])
    _save(folder, {"serving_default": function})


def _save(folder, signatures):
    module = tf.Module()
    module.functions = list(signatures.values())
    tf.saved_model.save(module, str(folder), signatures=signatures)
