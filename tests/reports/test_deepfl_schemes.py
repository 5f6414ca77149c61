"""Table II of DeepFL-IQA: four schemes from one command, which goes on with what is finished."""

import json
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner
from head_features import HereRunner, narrow_heads
from small_networks import small_resnet18

import tfiqa
from tfiqa.cli.report.deepfl_schemes import deepfl_schemes
from tfiqa.errors import CheckpointError, InvalidInput, ManifestError, RecipeError
from tfiqa.features import load_mlsp
from tfiqa.weights.build import build_model, ensure_weights, read_model

FINETUNE = ("data.crop=64", "epochs=1", "training.batch_size=8", "learning_rate=1e-3")
HEAD = ("search.learning_rates=[1e-3]", "training.epochs=1", "training.batch_size=8")


@pytest.fixture(scope="module", autouse=True)
def _small():
    with small_resnet18(), narrow_heads():
        yield


@pytest.fixture(scope="module")
def weak(tmp_path_factory):
    path = tmp_path_factory.mktemp("weak") / "weak.keras"
    tfiqa.build_model("deepfl_mtl", body="resnet18", scaling="symmetric").save(path)
    return path


def arguments(data, weak, folder, *more):
    settings = [part for text in FINETUNE for part in ("--finetune-set", text)]
    settings += [part for text in HEAD for part in ("--head-set", text)]
    paths = ["--data", data, "--weak", weak, "--work", folder / "work", "--output", folder / "page.md"]
    return [*map(str, paths), "--generic", "fresh", "--repeats", "2", "--workers", "1", *settings, *more]


def test_one_command_makes_the_table_and_goes_on(photo_folder, weak, tmp_path, monkeypatch):
    monkeypatch.setattr("tfiqa.features.runners.local.LocalRunner", lambda workers: HereRunner())
    command = arguments(photo_folder / "photos.csv", weak, tmp_path)
    done = CliRunner().invoke(deepfl_schemes, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.md").read_text()
    for title, splits, paper in (
        ("1. Fine-tune (generic)", 1, 0.731),
        ("2. Fine-tune (weak)", 1, 0.908),
        ("3. MLSP (generic)", 2, 0.706),
        ("4. MLSP (weak)", 2, 0.936),
    ):
        (row,) = (line for line in page.splitlines() if title in line)
        assert f"| {splits} |" in row
        assert f"{paper:.3f}" in row
    work = tmp_path / "work"
    assert json.loads((work / "heads_weak" / "metrics.json").read_text())["repeats"] == 2
    # the generic body is another one, fed as the weak one is
    generic = read_model(work / "fresh_resnet18_symmetric.keras")
    assert generic.info.options["scaling"] == "symmetric"
    assert (load_mlsp(work / "mlsp_generic").features != load_mlsp(work / "mlsp_weak").features).any()
    # the fine-tuned split is the heads' first one
    tuned = pd.read_csv(work / "finetune_weak_1" / "manifest.csv").set_index("image")["split"]
    heads = pd.read_csv(work / "heads_weak" / "manifest.csv").set_index("image")["split"]
    assert tuned.value_counts().to_dict() == heads.value_counts().to_dict()
    names = [index.map(lambda path: path.rpartition("/")[2]) for index in (tuned.index, heads.index)]
    assert dict(zip(names[0], tuned, strict=True)) == dict(zip(names[1], heads, strict=True))

    shutil.rmtree(work / "heads_weak")
    times = (work / "finetune_weak_1" / "metrics.json").stat().st_mtime_ns
    again = CliRunner().invoke(deepfl_schemes, command, catch_exceptions=False)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "page.md").read_text() == page
    assert (work / "finetune_weak_1" / "metrics.json").stat().st_mtime_ns == times
    for change, message in (
        (["--finetune-set", "epochs=2"], "another finetune settings"),
        (["--repeats", "3"], "another repeats"),
    ):
        with pytest.raises(InvalidInput, match=message):
            CliRunner().invoke(deepfl_schemes, [*command, *change], catch_exceptions=False)


@pytest.mark.parametrize(
    ("option", "setting"),
    [("--finetune-set", "split.seed=2"), ("--finetune-set", "model.weights=null"), ("--head-set", "split.repeats=3")],
)
def test_settings_of_the_command_itself_are_refused(option, setting, photo_folder, weak, tmp_path):
    done = CliRunner().invoke(deepfl_schemes, arguments(photo_folder / "photos.csv", weak, tmp_path, option, setting))
    assert done.exit_code == 2
    assert "this command decides that itself" in done.output


def test_a_split_without_test_pictures_is_told_before_any_training(photo_folder, weak, tmp_path):
    table = pd.read_csv(photo_folder / "photos.csv").assign(split=["train"] * 12 + ["validation"] * 4)
    table["image"] = [str(photo_folder / name) for name in table["image"]]
    table.to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(ManifestError, match="marks no row as 'test'"):
        CliRunner().invoke(deepfl_schemes, arguments(tmp_path / "m.csv", weak, tmp_path), catch_exceptions=False)


def test_a_misspelt_setting_is_told_at_once(photo_folder, weak, tmp_path):
    command = arguments(photo_folder / "photos.csv", weak, tmp_path, "--finetune-set", "epoch=3")
    with pytest.raises(RecipeError, match="epoch"):
        CliRunner().invoke(deepfl_schemes, command, catch_exceptions=False)
    assert not (tmp_path / "work").exists()


def test_the_body_of_one_model_goes_into_another(weak):
    tuned = build_model("deepfl_finetune", weights=weak, body="resnet18", scaling="symmetric")
    source = read_model(weak)
    for name in ("conv1", "layer4_0_conv2"):
        assert (tuned.get_layer(name).get_weights()[0] == source.get_layer(name).get_weights()[0]).all()
    with pytest.raises(CheckpointError, match="scaling 'symmetric', deepfl_finetune 'unit'"):
        ensure_weights("deepfl_finetune", weak, {"body": "resnet18"})


def test_a_deepfl_has_no_whole_body_to_give(tmp_path):
    options = {"body": "mobilenet_v3_small", "scaling": "unit"}
    build_model("deepfl", **options).save(tmp_path / "deepfl.keras")
    with pytest.raises(CheckpointError, match="holds no whole body for deepfl_finetune"):
        build_model("deepfl_finetune", weights=tmp_path / "deepfl.keras", **options)
