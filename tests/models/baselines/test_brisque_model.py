import json
from dataclasses import replace

import numpy as np
import pytest
from statistics_by_hand import texture

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.models.baselines import brisque
from tfiqa.score_scale import ScoreScale

SCALE = ScoreScale(0.0, 100.0, False, "test DMOS")


@pytest.fixture
def model():
    random = np.random.default_rng(0)
    low = random.normal(size=36)
    high = low + random.uniform(1, 2, 36)
    high[7] = low[7]
    return brisque.BrisqueModel(low, high, random.uniform(-1, 1, (5, 36)), random.normal(size=5), 40.0, 0.05, SCALE)


def test_prediction_by_hand(model):
    features = np.random.default_rng(1).normal(size=(3, 36))
    for row, score in zip(features, model.predict(features), strict=True):
        scaled = [
            -1 + 2 * (x - a) / (b - a) if b > a else 0 for x, a, b in zip(row, model.low, model.high, strict=True)
        ]
        kernel = [np.exp(-0.05 * np.sum((scaled - vector) ** 2)) for vector in model.support]
        assert score == pytest.approx(np.dot(kernel, model.coefficients) + 40, rel=1e-12)


def test_the_score_of_a_picture(model):
    image = texture(50, 60, channels=(3,))
    assert model.score(image) == model.predict(brisque.features(image)[None])[0]
    with pytest.raises(InvalidInput, match="has too little texture"):
        model.score(np.zeros((50, 60), np.uint8))


def test_a_score_does_not_depend_on_the_other_pictures(model):
    """To the last digit: training's predictions are those of scoring, a picture at a time."""
    random = np.random.default_rng(1)
    large = replace(model, support=random.uniform(-1, 1, (700, 36)), coefficients=random.normal(0, 1000, 700))
    features = random.normal(size=(2500, 36))
    scores = large.predict(features)
    for place in (0, 1, 1023, 1024, 2499):
        assert scores[place] == large.predict(features[[place]])[0]
    assert model.predict(features[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (np.zeros((2, 35)), r"BRISQUE features are \(N, 36\). Received: \(2, 35\)"),
        (np.zeros(36), r"BRISQUE features are \(N, 36\)"),
        (np.full((2, 36), np.nan), "BRISQUE features of 2 of 2 pictures are not finite"),
    ],
)
def test_features_that_cannot_be_used(model, features, reason):
    with pytest.raises(InvalidInput, match=reason):
        model.predict(features)


def test_a_saved_model_is_the_same(model, tmp_path):
    model.save(tmp_path / "brisque.npz")
    again = brisque.load(tmp_path / "brisque.npz")
    features = np.random.default_rng(1).normal(size=(3, 36))
    np.testing.assert_array_equal(again.predict(features), model.predict(features))
    assert again.scale == SCALE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"low": np.zeros(35)}, "low of a BRISQUE model is"),
        ({"low": np.full(36, 9.0)}, "its maximum below its minimum"),
        ({"support": np.zeros((4, 36))}, "support of a BRISQUE model is"),
        ({"coefficients": np.full(5, np.nan)}, "coefficients of a BRISQUE model is"),
        ({"coefficients": np.array(["a"] * 5)}, "could not convert"),
        ({"gamma": np.zeros(2)}, "one element|size 1"),
        ({"gamma": np.array(-0.05)}, "gamma of a BRISQUE model is above 0. Received: -0.05"),
        ({"gamma": np.array({})}, "is not a readable .npz file"),
        ({"scale": np.array("[]")}, "is no BRISQUE model"),
        ({"scale": np.array(json.dumps({"low": 1}))}, "is no BRISQUE model"),
        ({"scale": np.array(json.dumps({**SCALE.to_dict(), "low": 200}))}, "low < high"),
        ({"intercept": None}, "is another kind of model: it has no 'brisque_intercept'"),
    ],
)
def test_damaged_models(model, tmp_path, change, reason):
    path = tmp_path / "brisque.npz"
    model.save(path)
    with np.load(path) as arrays:
        kept = dict(arrays)
    kept |= {f"brisque_{name}": value for name, value in change.items()}
    np.savez(path, **{name: value for name, value in kept.items() if value is not None})
    with pytest.raises(CheckpointError, match=reason):
        brisque.load(path)


MODEL = """svm_type epsilon_svr
kernel_type rbf
gamma 0.05
nr_class 2
total_sv 2
rho -40
probA 5
SV
-3 1:0.5 36:-1
8 2:0.25
"""
RANGES = "x\n-1 1\n" + "".join(f"{place} {place}e-1 {place + 3}\n" for place in range(1, 37))


@pytest.fixture
def released(tmp_path):
    (tmp_path / "allmodel").write_text(MODEL)
    (tmp_path / "allrange").write_text(RANGES, newline="\r\n")
    return tmp_path / "allmodel"


def test_text_files_of_libsvm(released):
    model = brisque.load(released)
    support = np.zeros((2, 36))
    support[0, [0, 35]] = 0.5, -1
    support[1, 1] = 0.25
    np.testing.assert_array_equal(model.support, support)
    np.testing.assert_array_equal(model.coefficients, [-3, 8])
    assert (model.intercept, model.gamma) == (40, 0.05)
    np.testing.assert_allclose(model.low, np.arange(1, 37) / 10)
    np.testing.assert_allclose(model.high, np.arange(4, 40))
    assert not model.scale.higher_is_better


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("epsilon_svr", "nu_svr", "svm_type is nu_svr, not epsilon_svr"),
        ("rbf", "linear", "kernel_type is linear, not rbf"),
        ("total_sv 2", "total_sv 3", "it has 2 support vectors where its header says 3"),
        ("rho -40\n", "", "has no 'rho'"),
        ("36:-1", "37:-1", "feature 37 of 36"),
        ("36:-1", "x", "cannot|can be read"),
        ("8 2", "\n8 2", "it has 3 support vectors"),
        ("-40", "nan", "intercept of a BRISQUE model"),
        ("SV\n", "", "support vectors where"),
    ],
)
def test_damaged_text_files(released, before, after, reason):
    released.write_text(MODEL.replace(before, after))
    with pytest.raises(CheckpointError, match=reason):
        brisque.load(released)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("-1 1", "0 1", "does not scale features to -1 and 1"),
        ("36 ", "37 ", "has no range of feature 36"),
        ("1e-1 4", "4", "holds no ranges"),
        ("1e-1 4", "9 4", "its maximum below its minimum"),
    ],
)
def test_damaged_ranges(released, before, after, reason):
    released.with_name("allrange").write_text(RANGES.replace(before, after, 1))
    with pytest.raises(CheckpointError, match=reason):
        brisque.load(released)


def test_files_that_are_missing_or_something_else(released, tmp_path):
    released.with_name("allrange").unlink()
    (tmp_path / "picture_model").write_bytes(b"\xff\xd8")
    (tmp_path / "notes.txt").write_text("x")
    for name, reason in {
        "allmodel": "^cannot read .*allrange: No such file",
        "picture_model": "is not a text file of LIBSVM",
        "notes.txt": "neither a .npz file nor a LIBSVM model",
        "none.npz": "^cannot read .*none.npz: No such file",
    }.items():
        with pytest.raises(CheckpointError, match=reason):
            brisque.load(tmp_path / name)
