"""Training on pairs of pictures of several databases."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfiqa.errors import ManifestError, RecipeError
from tfiqa.serving.scorer import Scorer
from tfiqa.training.adam_l2 import AdamL2
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.trainer import fit
from tfiqa.training.training_data import load_training_data
from tfiqa.weights.build import read_model

PICTURES = 8
SMALL = [
    "model=spaq_bl",
    "model.options={backbone: resnet18}",
    "model.weights=null",
    "train_resize=null",
    "data.resize=native",
]
FAST = ["data.crop=32", "epochs=2", "frozen_epochs=1", "frozen_batch_size=4", "training.batch_size=3", "pairs.count=5"]


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    """Two manifests: MOS of 1..5, and DMOS of 0..100 of other pictures."""
    folder = tmp_path_factory.mktemp("databases")
    random = np.random.default_rng(0)
    for name, low, high, direction in (("mos", 1, 5, "higher"), ("dmos", 0, 100, "lower")):
        paths = [folder / f"{name}{n}.png" for n in range(PICTURES)]
        for path in paths:
            Image.fromarray(random.integers(0, 256, (36, 40, 3), np.uint8)).save(path)
        score = np.linspace(low, high, PICTURES)
        split = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
        table = pd.DataFrame({"image": paths, "score": score, "split": split, "scale_unit": name.upper()})
        table["score_std"] = (high - low) * random.uniform(0.05, 0.2, PICTURES)
        table.assign(scale_low=low, scale_high=high, scale_direction=direction).to_csv(
            folder / f"{name}.csv", index=False
        )
    return [folder / "mos.csv", folder / "dmos.csv"]


def recipe(*overrides):
    return read_recipe("unique", [*SMALL, *FAST, *overrides])


@pytest.fixture(scope="module")
def run(databases, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "run"
    said = []
    reports = fit(recipe(), databases, output, say=said.append)
    return output, reports, said


def test_what_a_run_of_two_databases_leaves(run, databases):
    output, reports, _ = run
    data = json.loads((output / "data.json").read_text())
    assert [(each["database"], each["low"], each["high"]) for each in data["databases"]] == [
        ("mos", 1.0, pytest.approx(1 + 4 * 3 / 7)),
        ("dmos", pytest.approx(-300 / 7), 0.0),
    ]
    assert data["databases"][1]["scale"]["unit"] == "DMOS"
    manifest = pd.read_csv(output / "manifest.csv")
    for _, table in manifest[manifest["split"] == "train"].groupby("database"):
        assert (table["score"].min(), table["score"].max()) == (0, 100)
    assert reports["test"].databases.keys() == {"mos", "dmos"}
    log = pd.read_csv(output / "metrics.csv")
    assert {"val_srcc", "val_srcc_mos", "val_srcc_dmos"} <= set(log)
    np.testing.assert_allclose(log["val_srcc"], (log["val_srcc_mos"] + log["val_srcc_dmos"]) / 2)


def test_the_model_tells_its_uncertainty(run, databases):
    output, _, _ = run
    predictions = pd.read_csv(output / "predictions_test.csv")
    assert (predictions["uncertainty"] > 0).all()
    scorer = Scorer.load(output)
    assert scorer.info.model == "spaq_bl"
    assert (scorer.info.scale.unit, scorer.columns) == ("Thurstone scale", ("quality", "uncertainty"))
    scores = scorer.score(predictions["image"][0])
    assert scores["quality"] == pytest.approx(predictions["quality"][0], abs=1e-4)
    assert scores["uncertainty"] == pytest.approx(predictions["uncertainty"][0], rel=1e-4)


def test_a_stopped_run_ends_bit_for_bit_where_it_would_have_ended(databases, tmp_path):
    class Stopped(Exception):
        pass

    def stop(text):
        if text.startswith("epoch 2 "):
            raise Stopped

    longer = recipe("epochs=3")
    with pytest.raises(Stopped):
        fit(longer, databases, tmp_path / "run", say=stop)
    fit(longer, databases, tmp_path / "run", resume=True)
    fit(longer, databases, tmp_path / "whole")
    whole, resumed = (
        read_model(folder / "model.keras").get_weights() for folder in (tmp_path / "whole", tmp_path / "run")
    )
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_linear_rescaling_and_regression(databases, tmp_path):
    regression = recipe("loss.name=mse", "data.rescale=true", "epochs=1", "frozen_epochs=0")
    reports = fit(regression, databases, tmp_path / "run")
    assert reports["test"].databases.keys() == {"mos", "dmos"}
    model = read_model(tmp_path / "run" / "model.keras")
    assert list(model.output) == ["quality"]
    assert model.info.scale.unit == "re-scaled score"


@pytest.mark.parametrize("missing", ["column", "cell"])
def test_missing_deviations_are_named_with_what_helps(missing, databases, tmp_path):
    table = pd.read_csv(databases[0])
    if missing == "column":
        table = table.drop(columns="score_std")
    else:
        table.loc[2, "score_std"] = np.nan
    table.to_csv(tmp_path / "mos.csv", index=False)
    with pytest.raises(ManifestError, match=r"score_std.*tfiqa data deviations.*pairs\.labels=binary"):
        fit(recipe(), [tmp_path / "mos.csv"], tmp_path / "run")


def test_binary_labels_need_no_deviations(databases, tmp_path):
    pd.read_csv(databases[0]).drop(columns="score_std").to_csv(tmp_path / "mos.csv", index=False)
    reports = fit(
        recipe("pairs.labels=binary", "epochs=1", "frozen_epochs=0"), [tmp_path / "mos.csv"], tmp_path / "run"
    )
    assert reports["test"].pictures == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([0, 4, 6], "database mos has 1 picture to train on; it takes two that differ"),
        ([0, 1, 4, 6], "database mos has 2 pictures of one score to train on"),
    ],
)
def test_a_database_without_a_pair(rows, message, databases, tmp_path):
    table = pd.read_csv(databases[0]).assign(score=3.0).iloc[rows]
    table.to_csv(tmp_path / "mos.csv", index=False)
    with pytest.raises(ManifestError, match=message):
        fit(recipe(), [tmp_path / "mos.csv", databases[1]], tmp_path / "run")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model=unique", "model.options={}", "loss.name=mse"],
            "loss mse teaches no uncertainty; take loss.name=fidelity",
        ),
        (["model=deepfl_mtl", "model.options={}"], "ranks pictures by quality, which deepfl_mtl does not tell"),
        (["loss.weights={quality: 1}"], "loss fidelity has no weights but pairs.hinge"),
        (["crops_per_picture=2"], "take more pairs instead"),
        (["optimizer=adamw"], "training.l2 needs training.optimizer: adam"),
        (["pairs.labels=thurston"], "did you mean 'thurstone'"),
        (["pairs.counts={live: 0}"], "pairs.counts.live is at least 1"),
        (["loss.name=fidelty"], "did you mean 'fidelity'"),
    ],
)
def test_what_does_not_go_together(overrides, message):
    with pytest.raises(RecipeError, match=message):
        recipe(*overrides)


def test_counts_of_unknown_databases_are_refused(databases, tmp_path):
    with pytest.raises(RecipeError, match=r"pairs\.counts: unknown database 'moss'; did you mean 'mos'"):
        fit(recipe("pairs.counts={moss: 3}"), databases, tmp_path / "run")


def test_both_learning_rates():
    paper, code = (read_recipe(name).training for name in ("unique", "unique_code"))
    epochs = range(12)
    np.testing.assert_allclose([paper.learning_rate_of(e) for e in epochs], np.repeat([1e-4, 1e-4, 1e-5, 1e-6], 3))
    np.testing.assert_allclose([code.learning_rate_of(e) for e in epochs], np.repeat([1e-4, 1e-5, 1e-6, 1e-7], 3))
    assert [paper.batch_size_of(epoch) for epoch in epochs] == [128] * 3 + [32] * 9


def test_without_a_hinge_the_divergence_teaches_the_deviations():
    assert not recipe().pair_settings.attached
    assert recipe("pairs.hinge=0").pair_settings.attached
    assert recipe("pairs.labels=binary").pair_settings.attached
    assert not recipe("pairs.hinge=0", "pairs.attached=false").pair_settings.attached


def test_l2_decay_goes_through_adams_moments():
    import keras

    variable = keras.Variable(np.float32([2.0, -4.0]))
    optimizer = AdamL2(0.1, learning_rate=0.01, epsilon=1e-8)
    weight, first, second = np.array([2.0, -4.0]), 0.0, 0.0
    for step, gradient in enumerate(([0.3, -0.1], [-0.2, 0.5], [0.1, 0.1]), start=1):
        optimizer.apply([np.float32(gradient)], [variable])
        decayed = np.array(gradient) + 0.1 * weight  # PyTorch's Adam, weight_decay=.1
        first, second = 0.9 * first + 0.1 * decayed, 0.999 * second + 0.001 * decayed**2
        weight = weight - 0.01 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-5)


def test_a_wrong_setting_leaves_no_folder_behind(databases, tmp_path):
    with pytest.raises(RecipeError):
        fit(recipe("pairs.counts={moss: 3}"), databases, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_each_database_is_split_by_itself(databases, tmp_path):
    copies = []
    for path in databases:
        copies.append(tmp_path / path.name)
        pd.read_csv(path).drop(columns="split").to_csv(copies[-1], index=False)
    data = load_training_data(recipe("split={train: 0.5, validation: 0.25, test: 0.25}"), copies)
    shares = data.manifest.table.groupby("database")["split"].value_counts().unstack()
    assert shares["train"].tolist() == [4, 4]
    assert shares["validation"].tolist() == [2, 2]
