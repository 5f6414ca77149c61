"""Requests that are written for a server's warm-up."""

import io
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.deepfl import DeepflOptions
from tfiqa.models.model_info import info_of
from tfiqa.models.spaq import SpaqOptions
from tfiqa.serving.warm_up_requests import made_up_picture, prediction_log

prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")


def test_a_record_is_what_tensorflow_serving_reads():
    pictures, boxes = [b"\xff\xd8 not UTF-8", b"x" * 300], np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    data = prediction_log("paq é", "boxes", {"image_bytes": tf.constant(pictures), "boxes": boxes})
    log = prediction_log_pb2.PredictionLog.FromString(data)
    assert log.WhichOneof("log_type") == "predict_log"
    request = log.predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("paq é", "boxes")
    assert sorted(request.inputs) == ["boxes", "image_bytes"]
    assert tf.make_ndarray(request.inputs["image_bytes"]).tolist() == pictures
    np.testing.assert_array_equal(tf.make_ndarray(request.inputs["boxes"]), boxes)
    assert log.SerializeToString(deterministic=True) == log.FromString(data).SerializeToString(deterministic=True)
    assert len(log.SerializeToString()) == len(data)


@pytest.mark.parametrize(
    ("protocol", "size"),
    [
        (PictureProtocol("shorter_side:512", 224, 112), (298, 224)),
        (PictureProtocol("native", 64, 160, "within", 3), (85, 64)),
        (PictureProtocol("native"), (170, 128)),
        (PictureProtocol("pad:100:white"), (100, 100)),
    ],
)
def test_pictures_are_small_and_of_a_size_that_the_model_takes(protocol, size):
    info = replace(info_of("spaq_bl", SpaqOptions()), protocol=protocol)
    picture = Image.open(io.BytesIO(made_up_picture(info, 0)))
    assert (picture.format, picture.size) == ("JPEG", size)
    assert len(protocol.prepare(np.asarray(picture))) >= 1
    assert len(made_up_picture(info, 0)) < 30_000


def test_pictures_differ_and_are_always_the_same():
    info = info_of("deepfl", DeepflOptions())
    assert made_up_picture(info, 1) != made_up_picture(info, 2)
    assert made_up_picture(info, 1) == made_up_picture(info, 1)
    assert min(Image.open(io.BytesIO(made_up_picture(info, 1))).size) >= 75  # what InceptionResNetV2 takes
