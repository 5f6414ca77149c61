"""TensorFlow Serving's model configuration."""

import pytest

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.model_config import models_at_start, models_of, read_model_config
from tfiqa.serving.server.status import StatusError

FULL = """
model_config_list {
  config { name: "a" base_path: "/models/a" model_platform: "tensorflow" }
  config { name: "b" base_path: "/models/b" model_platform: "tensorflow" model_version_policy { all {} } }
  config {
    name: "c" base_path: "/models/c" model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 versions: 7 } }
    version_labels { key: "stable" value: 1 }  # a comment
    version_labels { key: "canary" value: 7 }
  }
  config { name: "d" base_path: "/models/d" model_type: TENSORFLOW model_version_policy { latest { num_versions: 2 } } }
}
"""


@pytest.fixture
def config(tmp_path):
    """Reads a configuration's text through a file."""

    def read(text):
        path = tmp_path / "models.config"
        path.write_text(text)
        return read_model_config(path)

    return read


def one(**fields):
    given = {"name": '"m"', "base_path": '"/m"', "model_platform": '"tensorflow"', **fields}
    inner = " ".join(f"{name}: {value}" for name, value in given.items() if value is not None)
    return f"model_config_list {{ config {{ {inner} }} }}"


def test_models_with_their_policies_and_labels(config):
    models = models_of(config(FULL))
    assert [(model.name, str(model.base_path)) for model in models] == [
        (name, f"/models/{name}") for name in ("a", "b", "c", "d")
    ]
    assert [model.policy([1, 2, 7, 9]) for model in models] == [{9}, {1, 2, 7, 9}, {1, 7}, {7, 9}]
    assert [dict(model.labels) for model in models] == [{}, {}, {"stable": 1, "canary": 7}, {}]


@pytest.mark.parametrize("text", ["", "model_config_list {}"])
def test_a_configuration_without_models(config, text):
    assert models_of(config(text)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (one(base_path='"models/m"'), "Expected model m to have an absolute path or URI; got base_path()=models/m"),
        (
            one(base_path=r'"/models/\000m"'),
            "Expected model m to have an absolute path or URI; got base_path()=/models/\0m",
        ),
        (one(base_path=None), "Expected model m to have an absolute path or URI; got base_path()="),
        (
            one(model_platform=None),
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
            "model name is m",
        ),
        (
            one(model_type="TENSORFLOW"),
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
        ),
        (one(model_platform=None, model_type="OTHER"), "ModelServerConfig::model_type choice 2 not supported."),
        (one(model_platform='"torch"'), "Model m requests unsupported platform torch"),
        (
            "model_config_list {" + 2 * ' config { name: "m" base_path: "/m" model_platform: "tensorflow" }' + "}",
            "Illegal to list model m multiple times in config list",
        ),
    ],
)
def test_refused_configurations(config, text, reason):
    with pytest.raises(StatusError) as caught:
        models_of(config(text))
    assert str(caught.value) == f"INVALID_ARGUMENT: {reason}"


def test_a_served_model_keeps_its_platform(config):
    with pytest.raises(StatusError) as caught:
        models_of(config(one(model_platform='"torch"')), served=["m"])
    assert str(caught.value) == (
        "INVALID_ARGUMENT: Illegal to change a model's platform. For model m platform was tensorflow "
        "and new platform requested is torch"
    )


@pytest.mark.parametrize("text", ["model_config_list {", "no_such_field: 1", "\0"])
def test_a_file_that_does_not_parse(tmp_path, text):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ServerStartError) as caught:
        models_at_start(path)
    start = f"Failed to start server. Error: INVALID_ARGUMENT: Invalid protobuf file: '{path}' ("
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "models.config"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StatusError, match="INVALID_ARGUMENT: Invalid protobuf file"):
        read_model_config(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(StatusError, match=r"NOT_FOUND: .*/nothing; No such file"):
        read_model_config(tmp_path / "nothing")
    with pytest.raises(StatusError, match=r"UNKNOWN: .*; Is a directory"):
        read_model_config(tmp_path)
