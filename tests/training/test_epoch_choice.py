"""Which pictures choose the epoch, and by what."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from small_networks import eagerly

from tfiqa.cli.evaluate import evaluate
from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
from tfiqa.errors import ManifestError, RecipeError
from tfiqa.evaluation.tasks import Task
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.training.callbacks import PictureValidation
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.trainer import fit

ON_TEST = ("validation.within=scene", "validation.chosen_on=test", "split={train: 0.5, validation: 0, test: 0.5}")
ASPECTS = (
    "model.options={scenes: false, window: 0, aspects: [texture, color]}",
    "loss={name: l1, weights: {texture: 0.5, color: 0.5}}",
    "data={crop: 64}",
    "epochs=2",
    "training.batch_size=6",
)


def logs(truth, groups, databases=None, **predictions):
    """What `PictureValidation` says of a model with an output for each of `predictions`, all to be like `truth`."""
    table = pd.DataFrame({"image": [f"{i}.png" for i in range(len(truth))], "scene": groups, "truth": truth})
    if databases is not None:
        table["database"] = databases
    pictures = LabelledPictures.of(Manifest(table, None, UNKNOWN_SCALE))
    rows = [{name: np.array([values[i]]) for name, values in predictions.items()} for i in range(len(truth))]
    tasks = [Task(name, "truth", UNKNOWN_SCALE, UNKNOWN_SCALE) for name in predictions]
    written = {}
    of_each = table["database"] if databases is not None else None
    PictureValidation(lambda _: iter(rows), pictures, tasks, of_each, "scene").on_epoch_end(0, written)
    return written


def test_the_mean_within_groups_stands_for_all_pictures():
    written = logs([1, 2, 3, 1, 2, 3], list("aaabbb"), quality=[1, 2, 3, -30, -20, -10])
    assert written["val_srcc"] == pytest.approx(1)
    assert written["val_plcc"] == pytest.approx(np.corrcoef([1, 2, 3, 1, 2, 3], [1, 2, 3, -30, -20, -10])[0, 1])
    assert "val_srcc_quality" not in written


def test_within_groups_of_several_tasks_and_of_databases():
    truth, right, wrong = [1, 2, 1, 2], [1, 2, -2, -1], [2, 1, -1, -2]
    written = logs(truth, list("aabb"), texture=right, color=wrong)
    assert (written["val_srcc_texture"], written["val_srcc_color"]) == (pytest.approx(1), pytest.approx(-1))
    assert written["val_srcc"] == pytest.approx(0)
    written = logs(truth, list("aaaa"), databases=["one", "one", "two", "two"], quality=right)
    assert written["val_srcc"] == pytest.approx(1)
    assert {"val_srcc_one", "val_srcc_two"} <= set(written)


def test_what_recipes_may_say():
    assert read_recipe("quickstart", ON_TEST).columns() == ("image", "score", "scene")
    with pytest.raises(RecipeError, match=r"unknown validation\.chosen_on 'tests'; did you mean 'test'"):
        read_recipe("quickstart", ["validation.chosen_on=tests"])
    with pytest.raises(RecipeError, match=r"validation\.within is of type str or null"):
        read_recipe("quickstart", ["validation.within=3"])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six scenes of four pictures, the brighter the worse in texture."""
    folder, random = tmp_path_factory.mktemp("ranked"), np.random.default_rng(0)
    rows = []
    for number in range(24):
        rank = number % 4 + 1
        Image.fromarray(random.integers(0, 60 * rank, (64, 64, 3), np.uint8)).save(folder / f"{number}.png")
        ranks = {"rank_texture": rank, "rank_color": number // 2 % 2}
        scene = f"{number // 4:03}"
        rows.append({"image": f"{number}.png", "score": rank, **ranks, "scene": scene, "group": scene})
    pd.DataFrame(rows).to_csv(folder / "photos.csv", index=False)
    return folder / "photos.csv"


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """A run of a model of two aspects whose epoch the test pictures chose, and what it said."""
    folder, said = tmp_path_factory.mktemp("chosen") / "run", []
    with eagerly():
        fit(read_recipe("dcnns", [*ASPECTS, *ON_TEST]), [photos], folder, say=said.append)
    return folder, said


def test_the_test_pictures_choose(run):
    folder, said = run
    assert "warning: the test pictures choose the epoch, so that the figures on them are optimistic" in said
    log = pd.read_csv(folder / "metrics.csv")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["chosen_by"] == "test SRCC (optimistic)"
    assert metrics["chosen_epoch"] == log["epoch"][log["val_srcc"].idxmax()]
    assert set(metrics["reports"]) == {"test"}
    test = metrics["reports"]["test"]
    assert [each["measure"] for each in test["measures"]] == ["rank_texture", "rank_color"]
    within = test["within"]
    assert within["column"] == "scene"
    assert within["srcc"] == pytest.approx(log["val_srcc"].max())
    assert list(within["outputs"]) == ["texture", "color"]
    groups = within["outputs"]["texture"]["groups"]
    assert [each["pictures"] for each in groups] == [4, 4, 4]
    predictions = pd.read_csv(folder / "predictions_test.csv")
    rows = pd.read_csv(folder / "manifest.csv", dtype={"scene": str}).query("split == 'test'")
    of_first = predictions[(rows["scene"] == groups[0]["group"]).to_numpy()]
    assert groups[0]["srcc"] == pytest.approx(
        of_first["texture"].corr(of_first["rank_texture_target"], method="spearman")
    )


def test_a_run_that_the_test_pictures_choose_resumes(run, photos, tmp_path):
    whole, _ = run
    shutil.copytree(whole, tmp_path / "run", ignore=shutil.ignore_patterns("metrics.json", "model.keras", "epoch_0002"))
    with eagerly():
        fit(read_recipe(whole / "recipe.yaml"), [photos], tmp_path / "run", resume=True)
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (whole, tmp_path / "run"))
    assert first["chosen_epoch"] == second["chosen_epoch"]
    assert first["reports"]["test"]["within"]["srcc"] == pytest.approx(second["reports"]["test"]["within"]["srcc"])


def test_evaluate_within_a_column(run, tmp_path):
    folder, _ = run
    arguments = [str(folder), "--data", str(folder / "manifest.csv"), "--within", "scene"]
    done = CliRunner().invoke(evaluate, [*arguments, "--output", str(tmp_path / "r.json")])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "r.json").read_text())
    trained = json.loads((folder / "metrics.json").read_text())["reports"]["test"]
    assert report["within"]["srcc"] == pytest.approx(trained["within"]["srcc"])
    assert "SRCC of color within scene: " in CliRunner().invoke(evaluate, arguments).stdout
    done = CliRunner().invoke(evaluate, [*arguments[:-1], "place"])
    assert isinstance(done.exception, ManifestError)
    assert "column 'place' is missing" in str(done.exception)


def test_the_test_pictures_cannot_choose_where_there_are_none(photos, tmp_path):
    shares = "split={train: 0.5, validation: 0.5, test: 0}"
    with pytest.raises(ManifestError, match="there are no test pictures to choose the epoch"):
        fit(read_recipe("dcnns", [*ASPECTS, *ON_TEST, shares]), [photos], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_aspects_are_numbers_before_any_picture_is_read(photos, tmp_path):
    photos.with_name("bad.csv").write_text(photos.read_text().replace("0.png,1,1,", "0.png,1,best,"))
    with pytest.raises(ManifestError, match=r"rank_texture is not a number in rows? 2.*'best'"):
        fit(read_recipe("dcnns", [*ASPECTS, *ON_TEST]), [photos.with_name("bad.csv")], tmp_path / "run")
