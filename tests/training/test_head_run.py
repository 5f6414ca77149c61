"""A run of regression heads: splits, search, resume, what it leaves."""

import json

import numpy as np
import pandas as pd
import pytest
from head_features import SCALE, HereRunner, narrow_heads, planted

from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput, ManifestError, StorageError, TrainingDiverged
from tfiqa.evaluation.correlation import srcc
from tfiqa.score_scale import ScoreScale
from tfiqa.training.heads import run
from tfiqa.training.heads.data import head_data
from tfiqa.training.recipe_files import read_recipe

NETWORK = ("repeats=2", "search.splits=1", "learning_rates=[1e-6, 2e-2]", "epochs=20", "batch_size=18")
SVR = ("repeats=4", "search.splits=2", "costs=[1e-3, 16]", "gammas=[0.0625]")


@pytest.fixture(scope="module", autouse=True)
def _narrow():
    with narrow_heads():
        yield


@pytest.fixture
def fit(monkeypatch):
    """`fit_heads` on given features, without the assembly of a whole model, for which there is none."""
    monkeypatch.setattr("tfiqa.training.heads.whole_model.whole_model", lambda *_: None)
    monkeypatch.setattr("tfiqa.training.run_folder.RunFolder.save_model", lambda self, _: self.model.write_text(""))

    def run_fit(parts, output, *settings, network=False, runner=None, **options):
        monkeypatch.setattr(run, "read_features", lambda _: list(parts))
        recipe = "deepfl_head" if network else "deepfl_head_svr"
        resolved = read_recipe(recipe, [*(NETWORK if network else SVR), *settings])
        return run.fit_heads(resolved, ["features"], output, runner or HereRunner(), **options)

    return run_fit


def repeats_of(folder):
    return pd.read_csv(folder / "repeats.csv").drop(columns="seconds")


def test_a_run_and_what_it_leaves(fit, tmp_path):
    part = planted(tmp_path)
    metrics = fit([part], tmp_path / "run", network=True)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "recipe.yaml", "versions.json", "data.json", "manifest.csv", "pictures.csv", "repeats.csv", "tried.csv",
        "predictions_test.csv", "metrics.json", "model.keras",
    }  # fmt: skip
    table = repeats_of(tmp_path / "run")
    assert table["learning_rate"].tolist() == [2e-2, 2e-2]  # with 1e-6 nothing is learned in 20 epochs
    assert metrics["figures"]["srcc"]["median"] == pytest.approx(table["srcc"].median())
    assert metrics["figures"]["srcc"]["median"] > 0.5
    assert metrics["figures"]["rmse"]["lower_quartile"] == pytest.approx(table["rmse"].quantile(0.25))
    assert "SRCC" in run.metrics_text(metrics)

    # The predictions are those of the first repeat's test pictures.
    manifest = read_manifest(tmp_path / "run/manifest.csv")
    predictions = pd.read_csv(tmp_path / "run/predictions_test.csv")
    test = manifest.table[manifest.table["split"] == "test"]
    assert predictions["score"].tolist() == pytest.approx(test["score"].tolist())
    assert srcc(predictions["quality"], predictions["score"]) == pytest.approx(table["srcc"].iloc[0])
    assert metrics["model"]["test"]["srcc"] == pytest.approx(table["srcc"].iloc[0])
    assert manifest.scale == SCALE

    pictures = pd.read_csv(tmp_path / "run/pictures.csv")
    assert pictures["split"].tolist() == manifest.table["split"].tolist()
    assert pictures["sha256"].tolist() == part.pictures["sha256"].tolist()


def test_the_least_validation_loss_chooses(fit, tmp_path):
    fit([planted(tmp_path)], tmp_path / "run")
    tried = pd.read_csv(tmp_path / "run/tried.csv")
    assert sorted(tried.groupby("repeat").size()) == [1, 1, 2, 2]
    medians = tried[tried["repeat"] < 2].groupby("cost")["validation_loss"].median()
    assert medians.idxmin() == 16
    assert (repeats_of(tmp_path / "run")["cost"] == medians.idxmin()).all()


def test_every_split_may_search_for_itself(fit, tmp_path):
    settings = ("search.splits=0", "costs=[0.3, 1, 16]")
    metrics = fit([planted(tmp_path, noise=15)], tmp_path / "run", *settings)
    tried = pd.read_csv(tmp_path / "run/tried.csv")
    assert len(tried) == 12
    best = tried.loc[tried.groupby("repeat")["validation_loss"].idxmin(), "cost"]
    assert best.nunique() > 1
    assert repeats_of(tmp_path / "run")["cost"].tolist() == best.tolist()
    assert metrics["chosen_by"] == "least validation loss in each repeat by itself"


def test_groups_stay_together_in_every_repeat(tmp_path):
    part = planted(tmp_path)
    data = head_data(read_recipe("deepfl_head", ["repeats=20"]), [part])
    groups = part.manifest.table["group"]
    assert all(pd.Series(split).groupby(groups).nunique().eq(1).all() for split in data.splits)
    assert len({split.tobytes() for split in data.splits}) == 20
    assert [(data.splits == code).mean() for code in range(3)] == pytest.approx([0.6, 0.2, 0.2], abs=0.02)


@pytest.mark.parametrize("network", [False, True])
def test_a_killed_run_goes_on_to_the_same_figures(fit, tmp_path, network):
    part, settings = planted(tmp_path), ("epochs=2", "repeats=3", "search.splits=1")
    fit([part], tmp_path / "whole", *settings, network=network)
    stopped, finished = HereRunner(stop_after=2), HereRunner()
    with pytest.raises(KeyboardInterrupt):
        fit([part], tmp_path / "run", *settings, network=network, runner=stopped)
    fit([part], tmp_path / "run", *settings, network=network, runner=finished, resume=True)
    # A task of the network is a head, and the first repeat tries two; one of support vectors is a repeat.
    assert (len(stopped.ran), len(finished.ran)) == ((2, 2) if network else (2, 1))
    pd.testing.assert_frame_equal(repeats_of(tmp_path / "run"), repeats_of(tmp_path / "whole"), check_exact=True)
    for name in ("predictions_test.csv", "metrics.json", "data.json", "manifest.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "run/heads").exists()


def test_killed_when_all_was_done_but_to_tidy_up(fit, tmp_path):
    part, said = planted(tmp_path), []
    metrics = fit([part], tmp_path / "run")
    (tmp_path / "run/heads/fits").mkdir(parents=True)
    with pytest.raises(InvalidInput, match=r"split\.repeats was 4, now 5"):
        fit([part], tmp_path / "run", "repeats=5", resume=True)
    assert fit([part], tmp_path / "run", resume=True, say=said.append) == metrics
    assert said == [f"{tmp_path / 'run'} is complete"]
    assert not (tmp_path / "run/heads").exists()
    with pytest.raises(InvalidInput, match="is complete; there is nothing to resume"):
        fit([part], tmp_path / "run", resume=True)


def test_a_run_goes_on_where_it_was_started(fit, tmp_path):
    part = planted(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit([part], tmp_path / "run", runner=HereRunner(stop_after=1), device="gpu")
    assert json.loads((tmp_path / "run/data.json").read_text())["device"] == "gpu"
    with pytest.raises(InvalidInput, match="was started on a gpu, which a cpu does not equal"):
        fit([part], tmp_path / "run", resume=True, device="cpu")
    fit([part], tmp_path / "run", resume=True, device="gpu")


def test_what_cannot_be_resumed(fit, tmp_path):
    part = planted(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit([part], tmp_path / "run", runner=HereRunner(stop_after=1))
    with pytest.raises(InvalidInput, match=r"split\.repeats was 4, now 5"):
        fit([part], tmp_path / "run", "repeats=5", resume=True)
    with pytest.raises(InvalidInput, match="not those that"):
        fit([planted(tmp_path, seed=1)], tmp_path / "run", resume=True)
    with pytest.raises(StorageError, match="is not empty"):
        fit([part], tmp_path / "run")


def test_bad_data_leaves_no_folder(fit, tmp_path):
    part = planted(tmp_path)
    part.features[7, 0, 3] = np.inf
    with pytest.raises(InvalidInput, match="a feature is not finite"):
        fit([part], tmp_path / "run")
    part = planted(tmp_path)
    part.manifest.table.loc[4, "score"] = np.nan
    with pytest.raises(ManifestError, match="score is missing in row 6"):
        fit([part], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_manifests_split(fit, tmp_path):
    part = planted(tmp_path)
    said = []
    with pytest.raises(ManifestError, match="no column 'split'"):
        fit([part], tmp_path / "run", "from_manifest=true")
    split = np.repeat(["test", "validation", "train"], [12, 12, 36])
    part.manifest.table["split"] = split
    fit([part], tmp_path / "drawn", say=said.append)
    assert any("split is not used" in line for line in said)
    assert read_manifest(tmp_path / "drawn/manifest.csv").table["split"].tolist() != split.tolist()
    fit([part], tmp_path / "given", "from_manifest=true", "epochs=2", network=True)
    assert read_manifest(tmp_path / "given/manifest.csv").table["split"].tolist() == split.tolist()
    assert repeats_of(tmp_path / "given")["srcc"].nunique() > 1  # other seeds


def test_several_folders_are_joined(fit, tmp_path):
    parts = [planted(tmp_path / "a"), planted(tmp_path / "b", seed=1)]
    metrics = fit(parts, tmp_path / "run", "repeats=1")
    assert metrics["pictures"] == 120
    data = head_data(read_recipe("deepfl_head", ["repeats=1"]), parts)
    assert data.scores.tolist() == [*parts[0].manifest.table["score"], *parts[1].manifest.table["score"]]
    lower = planted(tmp_path / "c", scale=ScoreScale(0.0, 100.0, False, "planted DMOS"))
    with pytest.raises(ManifestError, match="different scales cannot be joined"):
        fit([parts[0], lower], tmp_path / "other")


def test_lower_may_be_better(fit, tmp_path):
    scale = ScoreScale(0.0, 100.0, False, "planted DMOS")
    metrics = fit([planted(tmp_path, scale=scale)], tmp_path / "run")
    assert metrics["figures"]["srcc"]["median"] > 0.8
    assert metrics["score_scale"]["higher_is_better"] is False


def test_support_vectors_over_the_same_splits(fit, tmp_path):
    runner = HereRunner()
    metrics = fit([planted(tmp_path, views=2)], tmp_path / "run", runner=runner)
    assert [(task.repeat, len(task.settings)) for task in runner.ran] == [(0, 2), (1, 2), (2, 1), (3, 1)]
    assert metrics["figures"]["srcc"]["median"] > 0.8
    assert metrics["model"]["file"] is None
    assert not (tmp_path / "run/model.keras").exists()


def test_divergence_is_told(fit, tmp_path):
    with pytest.raises(TrainingDiverged, match="2 of 2 repeats"):
        fit([planted(tmp_path)], tmp_path / "run", "learning_rates=[1e30]", network=True)
