"""The REST cases of the conformance collection that lies beside the project, as far as this server takes part."""

import importlib.util
import json
import os

import numpy as np
import pytest
import tensorflow as tf

from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_folders import ModelSource, specific_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import RestServer

AREAS = ("row", "column", "bytes", "types", "document", "url", "status", "metadata")


@pytest.fixture(scope="module")
def collection(shared):
    folder = shared / "acceptance" / "serving"
    if not folder.is_dir():
        pytest.skip(f"no conformance collection at {folder}")
    return folder


def module_from(path):
    """A program of the collection as a module; the environment variables that it sets are put back."""
    before = dict(os.environ)
    spec = importlib.util.spec_from_file_location(f"conformance_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return module


@pytest.fixture(scope="module")
def server(collection, tmp_path_factory):
    models = tmp_path_factory.mktemp("conformance")
    module_from(collection / "make_models.py").main(str(models))
    profile = json.loads((collection / "conformance.json").read_text())["profiles"]["core"]
    sources = [ModelSource(name, models / name) for name in profile["models"]]
    for config in profile["extra_config"]:
        policy = specific_versions(config["policy"]["specific"]["versions"])
        sources.append(ModelSource(config["name"], models / config["name"], policy, config["labels"]))
    store = ModelStore(sources, poll_seconds=0, load_retries=0, labels_for_unavailable=True)
    store.start()
    server = RestServer(Inference(store), port=0)
    server.start()
    server.rest_port = server.port
    yield server
    server.stop()
    store.stop()


@pytest.mark.parametrize("area", AREAS)
def test_rest_cases(collection, server, area):
    runner = module_from(collection / "run.py")
    runner.np, runner.tf = np, tf
    cases = [
        case
        for case in json.loads((collection / "conformance.json").read_text())["cases"]
        if case["area"] == f"rest.{area}"
    ]
    assert cases
    problems = {
        case["id"]: runner.check_rest(case["expect"], runner.rest_call(server, case["request"])) for case in cases
    }
    assert {name: found for name, found in problems.items() if found} == {}
