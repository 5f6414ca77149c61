"""How the model that comes with tfiqa is made: what is distorted, splits that do not leak, and fits that its layers repeat."""

import numpy as np
import pandas as pd
import pytest
import tfiqa_small_networks
from phone_damage import KINDS
from PIL import Image
from tfiqa_small_data import group_splits
from tfiqa_small_examples import COPY, DISTORTED, PHONE, PHOTOGRAPH, PRISTINE, examples
from tfiqa_small_material import CODED, ORIGINAL, PROCESSED, Task, make_material, material, read_material
from tfiqa_small_networks import train_networks
from tfiqa_small_people import Photographs, fit_people

import tfiqa
from tfiqa.distortions import NAMES
from tfiqa.errors import InvalidInput
from tfiqa.models.layers import KernelRegression
from tfiqa.models.tfiqa_small import TfiqaSmallOptions

FEATURES, COMPONENTS = 20, 6


@pytest.fixture(scope="module")
def rated():
    return pd.DataFrame(
        {
            "image": [f"{i}.jpg" for i in range(60)],
            "score": np.random.default_rng(0).uniform(size=60),
            "group": [f"group {i // 2}" for i in range(60)],
        }
    )


def random_photographs(count=24):
    rng = np.random.default_rng(1)
    full, reduced = rng.normal(size=(2, count, FEATURES)).astype(np.float32)
    return Photographs(full, reduced, rng.uniform(size=count), np.array([f"{i}" for i in range(count)], object))


def material_table(contents=12, seed=2):
    """Features of which the first three tell the kind and the level, and the level is what VSI says."""
    rng = np.random.default_rng(seed)
    rows = []
    for content in range(contents):
        common = {"group": f"{content}", "picture": f"{content}@384"}
        rows += [
            {**common, "distortion": name, "level": 0, "vsi": vsi}
            for name, vsi in ((ORIGINAL, 1.0), (PROCESSED, np.nan))
        ]
        for name in ("jpeg", "white_noise"):
            rows += [{**common, "distortion": name, "level": i, "vsi": 1 - 0.1 * i} for i in (1, 3, 5)]
        rows += [{**common, "distortion": "dark", "level": i, "vsi": 0.95} for i in (20, 80)]
    table = pd.DataFrame(rows)
    features = 0.1 * rng.normal(size=(len(table), FEATURES))
    dark = table["distortion"] == "dark"
    features[:, 0] += table["level"] / np.where(dark, 20, 1)
    features[:, 1] += table["distortion"] == "jpeg"
    features[:, 2] += dark
    return features.astype(np.float32), table


def test_no_group_is_on_both_sides_of_a_split(rated):
    splits = group_splits(rated["group"], test_pictures=11)
    assert len({tuple(split.test) for split in splits}) == len(splits) == 5
    for split in splits:
        assert not set(rated["group"][split.train]) & set(rated["group"][split.test])
        assert sorted([*split.train, *split.test]) == list(range(60))
        assert len(split.test) == 12  # whole pairs


def test_what_is_distorted(rated):
    splits = group_splits(rated["group"], test_pictures=11)
    tasks = material(rated, splits, ["lossless.png"])
    assert [task.seed for task in tasks] == list(range(len(tasks)))
    table = pd.DataFrame(tasks)
    best = rated.sort_values("score", ascending=False).drop_duplicates("group")
    good = {*best.loc[best["score"] >= 0.6, "image"], "lossless.png"}
    assert set(table["image"]) == {*rated["image"], "lossless.png"}
    copies = table["distortion"] == PROCESSED
    assert set(table["image"][~copies]) == good
    assert set(table["image"][copies].value_counts()) == {8}
    tested = set().union(*(rated["image"][split.test] for split in splits))
    for image, rows in table[~copies].groupby("image"):
        counts = rows["distortion"].value_counts()
        if image == "lossless.png":
            assert [counts[name] for name in (*NAMES[:2], *CODED, ORIGINAL)] == [5, 5, 14, 14, 14, 5]
            assert {counts[name] for name in KINDS} == {4}
        else:
            made = rows[rows["distortion"] != ORIGINAL]
            assert len(set(made["side"])) == len(set(made["group"])) == 1
            levels = 2 if image in tested else 1
            assert {counts[name] for name in NAMES} == {levels}
            assert [counts[name] for name in (*CODED, *KINDS, ORIGINAL)] == [2] * (len(CODED) + len(KINDS)) + [5]
        assert not rows.duplicated(["side", "distortion", "level"]).any()


def test_material_is_made_once_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr("tfiqa_small_material.PART", 2)
    pixels = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    kinds = [("jpeg", 5), ("webp", 20), ("dark", 50), (ORIGINAL, 0), (PROCESSED, 0)]
    tasks = [Task(str(tmp_path / "a.png"), "g", 40, name, level, i) for i, (name, level) in enumerate(kinds)]
    with pytest.raises(InvalidInput, match=r"material_0000\.npz is missing: run the step `distort`"):
        read_material(tasks, tmp_path)
    make_material(tasks, tmp_path, workers=1)
    features, table = read_material(tasks, tmp_path)
    assert features.shape == (5, 1842)
    assert np.abs(np.diff(features, axis=0)).max(1).min() > 0.1  # all differ
    assert table["picture"].tolist() == [f"{tmp_path}/a.png@40"] * 5
    assert table["vsi"][3] == pytest.approx(1)
    assert table["vsi"].iloc[:3].max() < 0.999
    assert np.isnan(table["vsi"][4])  # nothing to compare a cropped copy with
    before = (tmp_path / "material_0000.npz").stat().st_mtime_ns
    make_material(tasks, tmp_path, workers=1)
    assert (tmp_path / "material_0000.npz").stat().st_mtime_ns == before
    with pytest.raises(InvalidInput, match="holds other pictures"):
        read_material([task._replace(level=task.level + 1) for task in tasks], tmp_path)


def test_examples_know_their_originals_and_what_is_stronger():
    kinds = [("mean_shift", 1), ("mean_shift", 4), ("h265", 20), ("h265", 50), (ORIGINAL, 0), ("jpeg", 1)]
    kinds += [("dark", 0), ("dark", 100), (PROCESSED, 0)]
    table = pd.DataFrame(kinds, columns=["distortion", "level"])
    table = table.assign(group="g", picture="a@384", vsi=[0.9, 0.8, 0.7, 0.95, 1, 1, 0.99, 0.99, np.nan])
    photographs = Photographs(
        *np.ones((2, 2, FEATURES), np.float32), np.array([0.15, 0.9]), np.array(["a", "b"], object)
    )
    made = examples(np.zeros((9, FEATURES), np.float32), table, photographs)
    assert len(made) == 13
    assert made.roles.tolist() == [DISTORTED] * 4 + [PRISTINE, DISTORTED, PHONE, PHONE, COPY] + [PHOTOGRAPH] * 4
    assert made.types.tolist() == [2, 2, 0, 0, -1, 1] + [-1] * 7
    assert made.originals.tolist() == [4] * 9 + [-1] * 4
    assert made.severities[0] > made.severities[1]  # levels 1 and 5 shift most
    assert made.severities[2] > made.severities[3]
    assert made.severities[4:6].tolist() == [-np.inf] * 2  # this JPEG changes nothing
    assert made.severities[6] < made.severities[7]
    np.testing.assert_array_equal(made.photographed, [0, 0, 0, 0, 1, np.nan, np.nan, np.nan, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(made.intact[:6], np.array([2, 1, 0, 3, 4, 4]) / 6)
    np.testing.assert_allclose(
        made.intact[6:], [4 / 6, 0.15, np.nan, 0, 1, 0, 1], rtol=1e-6
    )  # VSI does not see darkness
    assert [len(set(made.sets[i])) for i in ([0, 1], [2, 3], [0, 2, 4, 5])] == [1, 1, 4]


def test_the_layer_says_what_was_fitted():
    photographs = random_photographs()
    fitted = fit_people(photographs, np.arange(20), COMPONENTS)
    layer = KernelRegression(len(fitted.offsets), COMPONENTS, len(fitted.centres), fitted.gamma)
    layer.build((None, FEATURES))
    layer.set_weights(fitted.weights())
    np.testing.assert_allclose(layer(photographs.full), fitted(photographs.full), rtol=1e-3, atol=1e-4)


def test_deviations_are_as_large_as_errors_of_pictures_left_out():
    photographs, rows = random_photographs(), np.arange(24)
    deviations = np.exp(fit_people(photographs, rows, COMPONENTS)(photographs.full)[:, 1])
    assert 0.2 < deviations.mean() < 0.5  # scores are random, from 0 to 1: nothing can be learned


@pytest.fixture
def short(monkeypatch):
    settings = {
        "EPOCHS": 60,
        "DISTORTED_PAIRS": 8,
        "PHONE_PAIRS": 4,
        "PAIRS": 12,
        "PHOTOGRAPHS": 8,
        "COPIES": 4,
        "PRISTINES": 4,
    }
    for name, value in {**settings, "WARM_UP": 5, "LEARNING_RATE": 0.01}.items():
        monkeypatch.setattr(tfiqa_small_networks, name, value)


def test_pairs_are_of_one_set_or_with_the_original():
    learned = examples(*material_table(), random_photographs())
    pairs = tfiqa_small_networks._Pairs(learned, np.flatnonzero(learned.roles == DISTORTED))
    first, second = pairs.drawn(np.random.default_rng(0), 100)
    assert len(set(first)) == len(pairs) == 72  # every picture before any comes again
    original = second == learned.originals[first]
    assert 20 < original.sum() < 50
    assert (learned.sets[first] == learned.sets[second])[~original].all()
    assert (first != second).all()
    steps = tfiqa_small_networks._steps(learned, first, second)
    assert (steps[original] < 0).all()
    np.testing.assert_array_equal(np.sign(steps), np.sign(learned.intact[first] - learned.intact[second]))
    assert np.abs(steps).min() >= 0.05


def test_networks_learn_how_intact_pictures_are_how_far_off_they_are_and_what_a_photograph_is(short):
    photographs = random_photographs()
    networks = train_networks(examples(*material_table(), photographs), set(), TfiqaSmallOptions(networks=2))
    others, rows = material_table(seed=5)
    found = networks(others)
    assert found.shape == (len(rows), 2, 3)
    typed, dark = rows["distortion"].isin(["jpeg", "white_noise"]).to_numpy(), (rows["distortion"] == "dark").to_numpy()
    learned = examples(others, rows, photographs)
    for answer in found.transpose(1, 0, 2):
        assert np.corrcoef(answer[typed, 0], rows["vsi"][typed])[0, 1] > 0.9
        assert (answer[dark, 0].reshape(-1, 2) @ [1, -1] > 0.1).all()  # little above much
        natural = answer[rows["distortion"].isin([ORIGINAL, PROCESSED]), 2]
        assert np.median(answer[typed, 2]) < 0 < np.median(natural)
    off = (found[..., 0].mean(1) - learned.intact[: len(rows)])[typed] / np.exp(found[typed, :, 1]).mean(1)
    assert 0.3 < np.sqrt(np.mean(off**2)) < 2


def test_pictures_made_of_a_test_photograph_are_not_learned_from(short, monkeypatch):
    monkeypatch.setattr(tfiqa_small_networks, "EPOCHS", 1)
    monkeypatch.setattr(tfiqa_small_networks, "LEFT_OUT", 3)
    photographs = random_photographs()
    seen = []
    trained = tfiqa_small_networks._trained
    monkeypatch.setattr(
        tfiqa_small_networks,
        "_trained",
        lambda learned, rows, test, number: (
            seen.append((set(learned.groups[rows]), set(learned.groups[test]))) or trained(learned, rows, test, number)
        ),
    )
    learned, without = examples(*material_table(), photographs), photographs.groups_away(np.arange(3, 24))
    assert without == {"0", "1", "2"}
    train_networks(learned, without, TfiqaSmallOptions(networks=3))
    assert len(seen) == 3
    for train, test in seen:
        assert not (train | test) & without
        assert train
        assert test
        assert not train & test
    assert set().union(*(test for _, test in seen)) == {str(i) for i in range(3, 24)}


def test_the_model_says_what_the_networks_say(short, monkeypatch):
    monkeypatch.setattr(tfiqa_small_networks, "EPOCHS", 1)
    features, table = material_table()
    photographs = random_photographs()
    wide, full, reduced = (
        np.tile(each, (1, 93))[:, :1842] for each in (features, photographs.full, photographs.reduced)
    )
    photographs = Photographs(full, reduced, photographs.scores, photographs.groups)
    options = {"components": 3, "photographs": 4, "networks": 2}
    networks = train_networks(examples(wide, table, photographs), set(), TfiqaSmallOptions(**options))
    model = tfiqa.build_model("tfiqa_small", **options)
    networks.set_to(model)
    import keras

    pixels = np.random.default_rng(4).integers(0, 256, (2, 40, 48, 3)).astype(np.float32)
    inside = keras.Model(model.input, [model.get_layer("features").output, model.get_layer("network_1").output])
    found, answer = inside.predict(pixels, verbose=0)
    np.testing.assert_allclose(answer, networks(found)[:, 1], rtol=1e-4, atol=1e-5)
