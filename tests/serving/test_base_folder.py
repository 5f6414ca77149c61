"""The files to serve an exported model with, that lie beside its versions."""

import json
import re
import subprocess

import pytest
import yaml

from tfiqa.serving.base_folder import write_serving_files
from tfiqa.serving.deployment import object_name
from tfiqa.serving.models_config import models_config

FILES = ["batching.config", "docker-compose.yaml", "kubernetes.yaml", "models.config", "monitoring.config"]


def parsed(text):
    """A text protocol buffer of TensorFlow Serving's ModelServerConfig; its one model."""
    text_format = pytest.importorskip("google.protobuf.text_format")
    model_server_config_pb2 = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    return model


def labels(base):
    return dict(parsed((base / "models.config").read_text()).version_labels)


def versions(base):
    return list(parsed((base / "models.config").read_text()).model_version_policy.specific.versions)


def values(text):
    """The scalars of a flat text protocol buffer, comments left out; of `name { value: x }` the x."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = re.findall(r"(\w+)(?: \{ value)?: (\w+|\".*?\")", "\n".join(lines))
    return {name: json.loads(value) for name, value in found}


def test_a_first_export_writes_all_of_them(tmp_path):
    assert write_serving_files(tmp_path, "my model", 1, []) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    model = parsed((tmp_path / "models.config").read_text())
    assert (model.name, model.base_path, model.model_platform) == ("my model", "/models/my model", "tensorflow")
    assert labels(tmp_path) == {"stable": 1, "canary": 1}
    assert versions(tmp_path) == [1]


def test_the_next_version_is_the_canary_and_the_one_served_so_far_stays_stable(tmp_path):
    for number in (1, 2, 3):
        assert write_serving_files(tmp_path, "m", number, range(1, number)) == []
    assert labels(tmp_path) == {"stable": 1, "canary": 3}
    assert versions(tmp_path) == [1, 3]


def test_without_the_file_the_highest_version_was_served(tmp_path):
    write_serving_files(tmp_path, "m", 8, [3, 7])
    assert labels(tmp_path) == {"stable": 7, "canary": 8}


def test_a_promoted_canary_is_the_next_stable_version(tmp_path):
    write_serving_files(tmp_path, "m", 1, [])
    write_serving_files(tmp_path, "m", 2, [1])
    path = tmp_path / "models.config"
    text = path.read_text()
    path.write_text(
        text.replace('key: "stable" value: 1', 'key: "stable" value: 2').replace("        versions: 1\n", "")
    )
    assert labels(tmp_path) == {"stable": 2, "canary": 2}
    assert write_serving_files(tmp_path, "m", 3, [1, 2]) == []
    assert labels(tmp_path) == {"stable": 2, "canary": 3}
    assert versions(tmp_path) == [2, 3]


def test_a_stable_version_that_is_gone_gives_way_to_the_highest_left(tmp_path):
    write_serving_files(tmp_path, "m", 1, [])
    write_serving_files(tmp_path, "m", 5, [3])
    assert labels(tmp_path) == {"stable": 3, "canary": 5}


@pytest.mark.parametrize("name", FILES)
def test_an_edited_file_is_left_alone_and_told(tmp_path, name):
    write_serving_files(tmp_path, "m", 1, [])
    edited = (tmp_path / name).read_text() + "\n# mine\n"
    (tmp_path / name).write_text(edited)
    assert write_serving_files(tmp_path, "m", 2, [1]) == [tmp_path / name]
    assert (tmp_path / name).read_text() == edited
    (tmp_path / name).unlink()
    assert write_serving_files(tmp_path, "m", 3, [1, 2]) == []


def test_a_file_of_somebody_elses_is_left_alone(tmp_path):
    (tmp_path / "kubernetes.yaml").write_bytes(b"\xff\xfe kind: Mine")
    assert write_serving_files(tmp_path, "m", 1, []) == [tmp_path / "kubernetes.yaml"]
    assert (tmp_path / "kubernetes.yaml").read_bytes() == b"\xff\xfe kind: Mine"


def test_an_old_text_of_tfiqas_own_is_brought_up_to_date(tmp_path, monkeypatch):
    monkeypatch.setattr("tfiqa.serving.base_folder.MONITORING_TEXT", "prometheus_config { enable: false }\n")
    write_serving_files(tmp_path, "m", 1, [])
    monkeypatch.undo()
    assert write_serving_files(tmp_path, "m", 2, [1]) == []
    assert "enable: true" in (tmp_path / "monitoring.config").read_text()


def test_settings_of_batching_and_monitoring(tmp_path):
    write_serving_files(tmp_path, "m", 1, [])
    batching = values((tmp_path / "batching.config").read_text())
    assert batching == {
        "max_batch_size": 8,
        "batch_timeout_micros": 0,
        "num_batch_threads": 2,
        "max_enqueued_batches": 16,
    }
    monitoring = values((tmp_path / "monitoring.config").read_text())
    assert monitoring == {"enable": True, "path": "/monitoring/prometheus/metrics"}


def test_our_own_server_reads_them_too(tmp_path):
    from tfiqa.serving.server.batching_parameters import read_batching_parameters
    from tfiqa.serving.server.model_config import read_model_config

    write_serving_files(tmp_path, "m", 2, [1])
    assert read_batching_parameters(tmp_path / "batching.config").max_batch_size == 8
    assert read_model_config(tmp_path / "models.config").model_config_list.config[0].name == "m"


@pytest.mark.parametrize("name", ["m", 'Pictures "of" 2', "$HOME", "no", "null"])  # the last two mean something in YAML
def test_flags_and_mounts_name_the_files(tmp_path, name):
    write_serving_files(tmp_path, name, 1, [])
    compose = yaml.safe_load((tmp_path / "docker-compose.yaml").read_text())["services"]["tensorflow-serving"]
    deployment, service = yaml.safe_load_all((tmp_path / "kubernetes.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert compose["image"] == container["image"]
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", compose["image"])
    (volume,) = compose["volumes"]
    assert (volume["source"], volume["target"].replace("$$", "$"), volume["read_only"]) == (
        ".",
        f"/models/{name}",
        True,
    )
    (mount,) = container["volumeMounts"]
    assert (mount["mountPath"], mount["readOnly"]) == (f"/models/{name}", True)
    assert compose["command"] == container["args"]
    flags = dict(flag.replace("$$", "$").removeprefix("--").split("=", 1) for flag in compose["command"])
    files = {flag: path.removeprefix(f"/models/{name}/") for flag, path in flags.items() if path.startswith("/models/")}
    assert files == {
        "model_config_file": "models.config",
        "batching_parameters_file": "batching.config",
        "monitoring_config_file": "monitoring.config",
    }
    assert flags["allow_version_labels_for_unavailable_models"] == flags["enable_batching"] == "true"
    assert set(compose["ports"]) == {"8500:8500", "8501:8501"}
    assert (
        deployment["spec"]["template"]["metadata"]["labels"]
        == service["spec"]["selector"]
        == {"app": object_name(name)}
    )
    assert deployment["metadata"]["name"] == object_name(name)
    claim = deployment["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claim == service["metadata"]["name"] == object_name(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("spaq_bl", "spaq-bl"), ("2021", "model-2021"), ("A.B", "a-b"), ("x" * 70, "x" * 63), ("é", "model")],
)
def test_names_that_kubernetes_takes(name, expected):
    assert object_name(name) == expected


def test_the_health_check_asks_for_the_models_state(tmp_path):
    """The command of the container's health check, against a server that answers once as TensorFlow Serving does."""
    import http.server
    import threading

    write_serving_files(tmp_path, "my model", 1, [])
    compose = yaml.safe_load((tmp_path / "docker-compose.yaml").read_text())["services"]["tensorflow-serving"]
    kind, *command = compose["healthcheck"]["test"]
    assert kind == "CMD"
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        state = "AVAILABLE"

        def do_GET(self):
            asked.append(self.path)
            body = json.dumps({"model_version_status": [{"version": "1", "state": self.state}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def status(state):
        Server.state = state
        with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            here = [part.replace("$$", "$").replace("/8501", f"/{server.server_port}") for part in command]
            return subprocess.run(here, check=False, timeout=30).returncode

    assert (status("AVAILABLE"), status("END")) == (0, 1)
    assert asked == ["/v1/models/my%20model"] * 2


def test_a_name_with_quotes_is_read_back(tmp_path):
    assert parsed(models_config('a "b" \\ é', 1, 2)).name == 'a "b" \\ é'
