"""Training from the command line: what a run leaves, and that a killed run ends where it would have ended."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from small_networks import small_resnet18

from tfiqa.databases.picture_check import check_pictures
from tfiqa.errors import InvalidInput, ManifestError, StorageError, TrainingDiverged
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.trainer import fit
from tfiqa.weights.build import read_model

TFIQA = Path(sys.executable).parent / "tfiqa"
START_SECONDS = 240


@pytest.fixture
def small():
    with small_resnet18():
        yield


def recipe(*overrides):
    shares = "split={train: 0.5, validation: 0.25, test: 0.25}"
    return read_recipe("quickstart", ["data.crop=64", "crops_per_picture=1", "epochs=1", shares, *overrides])


def test_what_a_run_leaves(trained_run):
    names = {path.name for path in trained_run.iterdir()}
    assert names == {
        "recipe.yaml", "data.json", "versions.json", "manifest.csv", "pictures.csv", "metrics.csv", "tensorboard",
        "checkpoints", "model.keras", "predictions_validation.csv", "predictions_test.csv", "metrics.json",
    }  # fmt: skip
    log = pd.read_csv(trained_run / "metrics.csv")
    assert log["epoch"].tolist() == [1, 2, 3]
    assert {"loss", "learning_rate", "val_srcc", "val_plcc"} <= set(log)
    assert yaml.safe_load((trained_run / "recipe.yaml").read_text())["training"]["epochs"] == 3
    data = json.loads((trained_run / "data.json").read_text())
    assert data["pictures"] == {"train": 8, "validation": 4, "test": 4}
    assert len(data["fingerprint"]) == 64
    assert list((trained_run / "tensorboard").rglob("events.*"))


def test_the_kept_model_is_that_of_the_best_epoch(trained_run):
    log = pd.read_csv(trained_run / "metrics.csv")
    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert metrics["chosen_epoch"] == log["epoch"][log["val_srcc"].idxmax()]
    epochs = sorted(path.name for path in (trained_run / "checkpoints").iterdir())
    assert f"epoch_{metrics['chosen_epoch']:04d}" in epochs
    assert {"epoch_0002", "epoch_0003"} <= set(epochs)
    with np.load(trained_run / "checkpoints" / f"epoch_{metrics['chosen_epoch']:04d}" / "model.npz") as arrays:
        for name, weight in zip(arrays.files, read_model(trained_run / "model.keras").get_weights(), strict=False):
            np.testing.assert_array_equal(arrays[name], weight)


def test_only_the_head_moves_while_frozen(trained_run):
    model = read_model(trained_run / "model.keras")
    names = [weight.path for weight in model.weights]
    with np.load(trained_run / "checkpoints" / "epoch_0003" / "model.npz") as late:
        late_arrays = dict(zip(names, (late[n] for n in late.files), strict=False))
    import keras

    import tfiqa

    keras.utils.set_random_seed(1)
    fresh = tfiqa.build_model("spaq_bl", backbone="resnet18")
    moved = {
        path: not np.array_equal(late_arrays[path], weight)
        for path, weight in zip((w.path for w in fresh.weights), fresh.get_weights(), strict=True)
    }
    assert all(moved.values())  # two epochs of the whole network moved everything
    first = trained_run / "checkpoints" / "epoch_0001"
    if first.exists():  # kept only when it is the best
        with np.load(first / "model.npz") as early:
            for path, name, weight in zip(names, early.files, fresh.get_weights(), strict=False):
                assert np.array_equal(early[name], weight) != path.startswith("fc/")


def test_a_killed_run_ends_bit_for_bit_where_it_would_have_ended(trained_run, fit_arguments, tmp_path):
    output = tmp_path / "killed"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([TFIQA, *fit_arguments, "--output", output], stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not (output / "checkpoints" / "epoch_0002").exists():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (output / "metrics.json").exists()
    done = subprocess.run(
        [TFIQA, *fit_arguments, "--output", output, "--resume"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "resumed after epoch" in done.stderr
    for name in ("metrics.csv", "metrics.json", "predictions_test.csv", "predictions_validation.csv", "data.json"):
        assert (output / name).read_bytes() == (trained_run / name).read_bytes(), name
    for one, other in zip(
        read_model(output / "model.keras").get_weights(),
        read_model(trained_run / "model.keras").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("small")
def test_attributes_train_beside_quality(photo_folder, tmp_path):
    overrides = ["model=spaq_mt_a", "loss.weights={quality: 0.6, attributes: 0.4}"]
    reports = fit(recipe(*overrides), [photo_folder / "photos.csv"], tmp_path / "run")
    assert set(reports) == {"validation", "test"}
    predictions = pd.read_csv(tmp_path / "run" / "predictions_test.csv")
    assert list(predictions) == [
        "image", "score", "quality", "brightness", "colorfulness", "contrast", "noisiness", "sharpness",
    ]  # fmt: skip
    assert {"quality_loss", "attributes_loss"} <= set(pd.read_csv(tmp_path / "run" / "metrics.csv"))


@pytest.mark.usefixtures("small")
def test_bad_pictures_stop_or_are_skipped_and_listed(photo_folder, tmp_path):
    whole = (photo_folder / "photo 1.jpg").read_bytes()
    (photo_folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    rows = (photo_folder / "photos.csv").read_text()
    manifest = photo_folder / "with_bad.csv"
    manifest.write_text(rows + "cut.jpg,50,scene x,1,1,1,1,1\nnone.jpg,50,scene y,1,1,1,1,1\n")
    with pytest.raises(ManifestError, match=r"file not found in row 19 \(first: 'none.jpg'\)"):
        fit(recipe(), [manifest], tmp_path / "stopped")
    manifest.write_text(rows + "cut.jpg,50,scene x,1,1,1,1,1\n")
    with pytest.raises(InvalidInput, match=r"1 of 17 pictures cannot be used: .*cut\.jpg: "):
        fit(recipe(), [manifest], tmp_path / "stopped")
    assert not (tmp_path / "stopped").exists()
    manifest.write_text(rows + "cut.jpg,50,scene x,1,1,1,1,1\nnone.jpg,50,scene y,1,1,1,1,1\n")
    fit(recipe("on_bad_picture=skip", "split={train: 1.0, validation: 0, test: 0}"), [manifest], tmp_path / "run")
    skipped = pd.read_csv(tmp_path / "run" / "skipped.csv")
    assert sorted(Path(image).name for image in skipped["image"]) == ["cut.jpg", "none.jpg"]
    assert skipped["error"].notna().all()
    assert json.loads((tmp_path / "run" / "data.json").read_text())["skipped"] == 2
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["chosen_by"] == "being the last epoch"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "shares", ["{train: 1.0, validation: 0, test: 0}", "{train: 0.5, validation: 0.25, test: 0.25}"]
)
def test_a_diverged_training_says_so(shares, photo_folder, tmp_path):
    with pytest.raises(TrainingDiverged, match=r"training diverged in epoch 1: .* lower training\.learning_rate"):
        fit(recipe("learning_rate=1e38", f"split={shares}"), [photo_folder / "photos.csv"], tmp_path / "run")
    assert not (tmp_path / "run" / "model.keras").exists()


@pytest.mark.usefixtures("small")
def test_a_picture_that_changes_on_the_way_is_one_line(photo_folder, tmp_path, monkeypatch):
    from tfiqa.training import checked_pictures

    def check_and_damage(paths, **options):
        checks = check_pictures(paths, **options)
        (folder / "photo 0.png").write_bytes(b"no picture any more")
        return checks

    folder = tmp_path / "photos"
    shutil.copytree(photo_folder, folder)
    monkeypatch.setattr(checked_pictures, "check_pictures", check_and_damage)
    with pytest.raises(InvalidInput, match=r"training stopped: .*photo 0\.png: .*--resume goes on") as caught:
        fit(recipe("split={train: 1.0, validation: 0, test: 0}"), [folder / "photos.csv"], tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_the_output_is_looked_at_before_the_pictures(photo_folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        fit(recipe(), [tmp_path / "no manifest.csv"], tmp_path / "file")


def test_pictures_smaller_than_the_crop_are_bad(photo_folder, tmp_path):
    with pytest.raises(InvalidInput, match="128x96 pixels, too small for crops of 224x224"):
        fit(recipe("data.crop=224"), [photo_folder / "photos.csv"], tmp_path / "run")


def test_what_cannot_be_resumed(trained_run, photo_folder, tmp_path):
    whole = read_recipe(trained_run / "recipe.yaml")
    with pytest.raises(InvalidInput, match="is complete"):
        fit(whole, [photo_folder / "photos.csv"], trained_run, resume=True)
    with pytest.raises(InvalidInput, match=r"training\.epochs was 3, now 1"):
        fit(recipe(), [photo_folder / "photos.csv"], trained_run, resume=True)
    with pytest.raises(InvalidInput, match="nothing to resume"):
        fit(whole, [photo_folder / "photos.csv"], tmp_path / "none", resume=True)
    with pytest.raises(StorageError, match="is not empty"):
        fit(whole, [photo_folder / "photos.csv"], trained_run)


def test_other_data_is_not_resumed(trained_run, photo_folder, tmp_path):
    import shutil

    shutil.copytree(trained_run, tmp_path / "run", ignore=shutil.ignore_patterns("metrics.json"))
    text = (photo_folder / "photos.csv").read_text()
    other = photo_folder / "other.csv"
    other.write_text(text.replace("90,scene 0", "89,scene 0", 1))
    with pytest.raises(InvalidInput, match="not those that"):
        fit(read_recipe(trained_run / "recipe.yaml"), [other], tmp_path / "run", resume=True)
