"""The states of versions over gRPC, with the official stub against a server in this process."""

import pytest
from grpc_served import error_of, grpc_served
from tensorflow_serving.apis import get_model_status_pb2

from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_folders import ModelSource, all_versions
from tfiqa.serving.server.model_store import ModelStore

STATES = get_model_status_pb2.ModelVersionStatus.State


@pytest.fixture(scope="module")
def client():
    with grpc_served() as client:
        yield client


def request(model, version=None, label=None):
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = model
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    return message


def states(client, *arguments, **named):
    reply = client.models.GetModelStatus(request(*arguments, **named), timeout=30)
    return [(line.version, STATES.Name(line.state), line.status.error_code) for line in reply.model_version_status]


@pytest.mark.parametrize(
    ("asked", "versions"),
    [
        ({}, [2, 1]),
        ({"version": 1}, [1]),
        ({"label": "first"}, [2, 1]),  # a label is not looked at
        ({"label": "unknown"}, [2, 1]),
    ],
)
def test_states(client, asked, versions):
    assert states(client, "times", **asked) == [(version, "AVAILABLE", 0) for version in versions]


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (request("nope"), "NOT_FOUND", "Could not find any versions of model nope"),
        (request(""), "NOT_FOUND", "Could not find any versions of model "),
        (request("times", 7), "NOT_FOUND", "Could not find version 7 of model times"),
        (request("times", 0), "NOT_FOUND", "Could not find version 0 of model times"),
        (get_model_status_pb2.GetModelStatusRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    ],
)
def test_a_model_that_is_not_there(client, message, code, text):
    assert error_of(client.models.GetModelStatus, message) == (code, text)


def test_a_version_that_does_not_load_is_listed_with_its_error(tmp_path):
    from grpc_served import Client
    from served_models import models_folder

    (tmp_path / "half").mkdir()
    (tmp_path / "half/1").symlink_to(models_folder() / "half_plus_two/123")
    (tmp_path / "half/2").mkdir()
    (tmp_path / "half/2/saved_model.pb").write_bytes(b"no model")
    store = ModelStore([ModelSource("half", tmp_path / "half", all_versions())], poll_seconds=0, load_retries=0)
    store.start()
    server = GrpcServer(Inference(store), port=0)
    server.start()
    client = Client(server)
    try:
        assert [line[:2] for line in states(client, "half")] == [(2, "END"), (1, "AVAILABLE")]
        broken = client.models.GetModelStatus(request("half", 2), timeout=30).model_version_status[0]
        assert broken.status.error_code != 0
        assert "saved_model.pb" in broken.status.error_message
    finally:
        client.channel.close()
        server.stop(5)
        store.stop()
