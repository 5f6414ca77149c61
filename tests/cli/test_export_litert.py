"""`tfiqa export --format litert`."""

import keras
import pytest
from click.testing import CliRunner

import tfiqa
from tfiqa.cli.export import export
from tfiqa.serving.litert import read_litert_card


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("model") / "m.keras"
    tfiqa.build_model("cnniqa").save(path)
    return path


def run(*arguments):
    result = CliRunner().invoke(export, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_float_and_an_int8_file(model, photo_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tfiqa.serving.litert_export.CALIBRATION_PATCHES", 16)
    sizes = []
    for more in ((), ("--quantize", "int8", "--representative", photo_folder / "photos.csv")):
        output = tmp_path / f"{len(more)}.tflite"
        result = run(model, "--format", "litert", "--output", output, *more)
        assert (result.exit_code, result.stdout.strip()) == (0, str(output))
        assert read_litert_card(output).model == "cnniqa"
        sizes.append(output.stat().st_size)
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "litert", "--version", 1), "has no versions"),
        (("--quantize", "int8"), "are for --format litert"),
        (("--representative", "photos"), "are for --format litert"),
        (("--format", "litert", "--quantize", "int8"), "go together"),
        (("--format", "litert", "--representative", "photos"), "go together"),
        (("--format", "litert", "--quantize", "int4"), "'int4' is not 'int8'"),
    ],
)
def test_wrong_usage_is_status_2(arguments, message):
    result = run("m.keras", "--output", "m.tflite", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
