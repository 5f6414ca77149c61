"""`tfiqa extract mlsp` as a user types it."""

import keras
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scenes import scene

import tfiqa
from tfiqa.cli.data.pack import pack
from tfiqa.cli.extract import extract
from tfiqa.errors import CheckpointError, InvalidInput, StorageError
from tfiqa.features import load_mlsp


def run(*arguments):
    """The result of a command line; what it raises is for the caller, as in `main`."""
    return CliRunner().invoke(extract, ["mlsp", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder's model, and a manifest of three good pictures and one that is broken."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "run").mkdir()
    keras.utils.set_random_seed(0)
    tfiqa.build_model("deepfl_mtl", body="resnet18", measures=["ssim"]).save(folder / "run/model.keras")
    for number in range(3):
        Image.fromarray(scene(number, 64, 80)).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    pd.DataFrame({"image": [f"{number}.png" for number in range(4)], "score": [1.5, 2, 3, 4]}).to_csv(folder / "m.csv")
    return folder


@pytest.fixture(scope="module")
def made(folder):
    """What the command makes of the pictures, and its result."""
    output = folder / "made"
    arguments = ["--data", folder / "m.csv", "--model", folder / "run", "--output", output, "--workers", 1]
    return output, run(*arguments), arguments


def test_what_is_made_and_told(made, folder):
    output, result, _ = made
    assert result.exit_code == 3
    assert result.stdout == ""
    told = result.stderr
    assert "4 pictures, 1,920 features of resnet18, in 1 shard\n" in told
    assert f"failed: {folder / '3.png'}: is truncated" in told or f"failed: {folder / '3.png'}: is damaged" in told
    assert f"{output}: 3 pictures, 1 lacking, in 1 shards, " in told
    assert "4 pictures in " in told
    assert told.splitlines()[-1].startswith("the workers' time: decode ")
    loaded = load_mlsp(output)
    assert loaded.features.shape == (3, 1, 1920)
    assert loaded.manifest.table["score"].tolist() == [1.5, 2, 3]


def test_the_folder_is_one_of_records(made):
    result = CliRunner().invoke(pack, ["--check", str(made[0])], catch_exceptions=False)
    assert "3 pictures in 1 shards, as packed" in result.output


def test_what_is_finished_stays_so(made):
    output, _, arguments = made
    with pytest.raises(StorageError, match="exists already"):
        run(*arguments)
    result = run(*arguments, "--resume")
    assert result.exit_code == 0
    assert f"{output} was finished already" in result.stderr
    with pytest.raises(InvalidInput, match="was begun with dtype float16, not float32"):
        run(*arguments, "--resume", "--dtype", "float32")


def test_models_that_cannot_be_used(folder, tmp_path):
    with pytest.raises(InvalidInput, match="model not found"):
        run("--data", folder / "m.csv", "--model", tmp_path / "gone", "--output", tmp_path / "out")
    tfiqa.build_model("spaq_bl", backbone="resnet18").save(tmp_path / "spaq.keras")
    with pytest.raises(InvalidInput, match="has no MLSP features"):
        run("--data", folder / "m.csv", "--model", tmp_path / "spaq.keras", "--output", tmp_path / "out")
    data = (folder / "run/model.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"is no \.keras file"):
        run("--data", folder / "m.csv", "--model", tmp_path / "cut.keras", "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [["--dtype", "float64"], ["--views", "all"], ["--batch-size", "0"], ["--address", "auto"], ["--precision", "half"]],
)
def test_wrong_usage(wrong):
    assert run("--data", "m.csv", "--model", "m.keras", "--output", "out", *wrong).exit_code == 2
