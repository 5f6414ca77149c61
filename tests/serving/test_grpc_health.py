"""The health service of gRPC, with the official stub against a server in this process."""

from functools import partial

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_served import error_of, grpc_served

from tfiqa.serving.server.grpc_server import GrpcServer

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def client():
    with grpc_served(partial(GrpcServer, health=True)) as client:
        yield client


def test_services(client):
    stub = health_pb2_grpc.HealthStub(client.channel)
    for service in ("", "ModelService", "PredictionService"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status == SERVING
    code, _ = error_of(stub.Check, health_pb2.HealthCheckRequest(service="SessionService"))
    assert code == "NOT_FOUND"


def test_who_watches_is_told_of_the_end(client):
    watching = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
    assert next(watching).status == SERVING
    client.server.stop(0.5)
    assert next(watching).status == NOT_SERVING


def test_without_the_flag_there_is_none():
    with grpc_served() as client, pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
