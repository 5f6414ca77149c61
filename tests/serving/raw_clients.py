"""Clients that do what the usual ones do not: raw bytes, many at once."""

import contextlib
import socket
import threading

from served_models import predict
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

TIMES = "/v1/models/times:predict"


def head(length, target=TIMES, more=""):
    return f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


@contextlib.contextmanager
def connection(server):
    with socket.create_connection((server.host, server.port), timeout=20) as opened:
        yield opened


def received(opened):
    """Everything until the server closes."""
    parts = []
    while part := opened.recv(65536):
        parts.append(part)
    return b"".join(parts)


def check_alive(server):
    assert predict(server, "times", {"instances": [4]}) == (200, {"predictions": [8.0]})


def in_threads(count, work):
    """The results of `work(number)` in as many threads."""
    results = [None] * count

    def run(number):
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def grpc_predict(channel, model, x, signature=""):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=len(x))
    request.inputs["x"].float_val.extend(x.tolist())
    reply = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    return list(reply.outputs["y"].float_val)
