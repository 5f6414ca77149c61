"""Scores pictures over gRPC with TensorFlow Serving's official stubs; tfiqa itself is not needed.

pip install tensorflow-serving-api
python score_python.py localhost:8500 MODEL PICTURE...
"""

import sys
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

target, model, *pictures = sys.argv[1:]
# gRPC takes messages up to 4 MiB unless told otherwise; pictures are larger.
options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
with grpc.insecure_channel(target, options=options) as channel:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    # Pictures of any sizes and formats go in one request: each is one string.
    data = [Path(picture).read_bytes() for picture in pictures]
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(data))
    outputs = stub.Predict(request, timeout=60).outputs
quality = tf.make_ndarray(outputs["quality"])
errors = tf.make_ndarray(outputs["error"])  # "" for a picture with a score
for picture, score, error in zip(pictures, quality, errors, strict=True):
    print(picture, error.decode() or score, sep="\t")
