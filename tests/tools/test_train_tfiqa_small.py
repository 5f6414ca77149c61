"""How the model that comes with tfiqa is made: what is distorted, splits that do not leak, and fits that its layers repeat."""

import numpy as np
import pandas as pd
import pytest
import tfiqa_small_networks
from PIL import Image
from tfiqa_small_damage import fit_damage
from tfiqa_small_data import group_splits
from tfiqa_small_distorted import distorted_set
from tfiqa_small_material import CODED, ORIGINAL, Task, make_material, material, read_material
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


def distorted_table(contents=12, seed=2):
    """Features whose first two tell the type and the level, and the level is what VSI says."""
    rng = np.random.default_rng(seed)
    rows = []
    for content in range(contents):
        common = {"group": f"{content}", "picture": f"{content}@384"}
        rows.append({**common, "distortion": ORIGINAL, "level": 0, "vsi": 1.0})
        for name in ("jpeg", "white_noise"):
            rows += [{**common, "distortion": name, "level": i, "vsi": 1 - 0.1 * i} for i in (1, 3, 5)]
    table = pd.DataFrame(rows)
    features = 0.1 * rng.normal(size=(len(table), FEATURES))
    features[:, 0] += table["level"]
    features[:, 1] += table["distortion"] == "jpeg"
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
    assert set(table["image"]) == {*best.loc[best["score"] >= 0.6, "image"], "lossless.png"}
    tested = set().union(*(rated["image"][split.test] for split in splits))
    for image, rows in table.groupby("image"):
        counts = rows["distortion"].value_counts()
        if image == "lossless.png":
            assert [counts[name] for name in (*NAMES[:2], *CODED, ORIGINAL)] == [5, 5, 14, 14, 14, 5]
        else:
            made = rows[rows["distortion"] != ORIGINAL]
            assert len(set(made["side"])) == len(set(made["group"])) == 1
            levels = 2 if image in tested else 1
            assert {counts[name] for name in NAMES} == {levels}
            assert [counts[name] for name in (*CODED, ORIGINAL)] == [2, 2, 2, 5]
        assert not rows.duplicated(["side", "distortion", "level"]).any()


def test_material_is_made_once_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr("tfiqa_small_material.PART", 2)
    pixels = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    kinds = [("jpeg", 5), ("webp", 20), (ORIGINAL, 0)]
    tasks = [Task(str(tmp_path / "a.png"), "g", 40, name, level, i) for i, (name, level) in enumerate(kinds)]
    with pytest.raises(InvalidInput, match=r"material_0000\.npz is missing: run the step `distort`"):
        read_material(tasks, tmp_path)
    make_material(tasks, tmp_path, workers=1)
    features, table = read_material(tasks, tmp_path)
    assert features.shape == (3, 1842)
    assert table["picture"].tolist() == [f"{tmp_path}/a.png@40"] * 3
    assert table["vsi"][2] == pytest.approx(1)
    assert table["vsi"].iloc[:2].max() < 0.999
    before = (tmp_path / "material_0000.npz").stat().st_mtime_ns
    make_material(tasks, tmp_path, workers=1)
    assert (tmp_path / "material_0000.npz").stat().st_mtime_ns == before
    with pytest.raises(InvalidInput, match="holds other pictures"):
        read_material([task._replace(level=task.level + 1) for task in tasks], tmp_path)


def test_distorted_pictures_know_their_originals_and_what_is_stronger():
    kinds = [("mean_shift", 1), ("mean_shift", 4), ("h265", 20), ("h265", 50), (ORIGINAL, 0), ("jpeg", 1)]
    table = pd.DataFrame(kinds, columns=["distortion", "level"])
    table = table.assign(group="g", picture="a@384", vsi=[0.9, 0.8, 0.7, 0.95, 1, 1])
    made = distorted_set(np.zeros((6, FEATURES), np.float32), table)
    assert made.types.tolist() == [2, 2, 0, 0, -1, 1]
    assert made.originals.tolist() == [4] * 6
    assert made.severities[0] > made.severities[1]  # levels 1 and 5 shift most
    assert made.severities[2] > made.severities[3]
    assert made.severities[4:].tolist() == [-np.inf] * 2  # this JPEG changes nothing
    assert made.known.tolist() == [True] * 4 + [False] * 2
    np.testing.assert_allclose(made.intact, np.array([2, 1, 0, 3, 4, 4]) / 6)
    assert [len(set(made.sets[i])) for i in ([0, 1], [2, 3], [0, 2, 4, 5])] == [1, 1, 4]


@pytest.mark.parametrize("kind", ["people", "damage"])
def test_the_layer_says_what_was_fitted(kind):
    photographs, rows = random_photographs(), np.arange(20)
    if kind == "people":
        fitted = fit_people(photographs, rows, COMPONENTS)
    else:
        fitted = fit_damage(photographs, rows, distorted_set(*distorted_table()), COMPONENTS, 70)
    layer = KernelRegression(len(fitted.offsets), COMPONENTS, len(fitted.centres), fitted.gamma)
    layer.build((None, FEATURES))
    layer.set_weights(fitted.weights())
    np.testing.assert_allclose(layer(photographs.full), fitted(photographs.full), rtol=1e-3, atol=1e-4)


def test_kernels_learn_how_intact_and_of_which_kind_pictures_are():
    photographs = random_photographs()
    fitted = fit_damage(photographs, np.arange(24), distorted_set(*distorted_table()), COMPONENTS, 70)
    others, rows = distorted_table(seed=5)
    found = fitted(others)
    assert np.corrcoef(found[:, 0], rows["vsi"])[0, 1] > 0.7
    assert np.median(found[rows["distortion"] != ORIGINAL, 1]) < 0 < np.median(fitted(photographs.full)[:, 1])


def test_deviations_are_as_large_as_errors_of_pictures_left_out():
    photographs, rows = random_photographs(), np.arange(24)
    deviations = np.exp(fit_people(photographs, rows, COMPONENTS)(photographs.full)[:, 1])
    assert 0.2 < deviations.mean() < 0.5  # scores are random, from 0 to 1: nothing can be learned


@pytest.fixture
def short(monkeypatch):
    for name, value in {"EPOCHS": 60, "PAIRS": 8, "WARM_UP": 5, "LEARNING_RATE": 0.01}.items():
        monkeypatch.setattr(tfiqa_small_networks, name, value)


def test_networks_learn_how_intact_pictures_are_and_how_far_off_they_are(short):
    photographs = random_photographs()
    options = TfiqaSmallOptions(networks=2)
    networks = train_networks(photographs, np.arange(24), distorted_set(*distorted_table()), options)
    others, rows = distorted_table(seed=5)
    found = networks(others)
    assert found.shape == (len(rows), 2, 2)
    for answer in found.transpose(1, 0, 2):
        assert np.corrcoef(answer[:, 0], rows["vsi"])[0, 1] > 0.9
    off = (found[..., 0].mean(1) - distorted_set(others, rows).intact) / np.exp(found[..., 1]).mean(1)
    assert 0.3 < np.sqrt(np.mean(off**2)) < 2


def test_pictures_made_of_a_test_photograph_are_not_learned_from(short, monkeypatch):
    monkeypatch.setattr(tfiqa_small_networks, "EPOCHS", 1)
    monkeypatch.setattr(tfiqa_small_networks, "LEFT_OUT", 3)
    photographs = random_photographs()
    features, table = distorted_table()
    seen = []
    trained = tfiqa_small_networks._trained
    monkeypatch.setattr(
        tfiqa_small_networks,
        "_trained",
        lambda distorted, rows, test, natural, number: (
            seen.append((set(distorted.groups[rows]), set(distorted.groups[test]), set(natural.groups)))
            or trained(distorted, rows, test, natural, number)
        ),
    )
    train_networks(photographs, np.arange(3, 24), distorted_set(features, table), TfiqaSmallOptions(networks=3))
    assert len(seen) == 3
    for train, test, natural in seen:
        assert not (train | test | natural) & {"0", "1", "2"}
        assert train
        assert test
        assert not (train | natural) & test
    assert set().union(*(test for _, test, _ in seen)) == {str(i) for i in range(3, 12)}


def test_the_model_says_what_the_networks_say(short, monkeypatch):
    monkeypatch.setattr(tfiqa_small_networks, "EPOCHS", 1)
    features, table = distorted_table()
    wide = np.tile(features, (1, 93))[:, :1842]
    photographs = random_photographs()
    photographs = Photographs(
        *(np.tile(each, (1, 93))[:, :1842] for each in (photographs.full, photographs.reduced)),
        photographs.scores,
        photographs.groups,
    )
    options = {"components": 3, "photographs": 4, "distorted": 5, "networks": 2}
    networks = train_networks(photographs, np.arange(24), distorted_set(wide, table), TfiqaSmallOptions(**options))
    model = tfiqa.build_model("tfiqa_small", **options)
    networks.set_to(model)
    import keras

    pixels = np.random.default_rng(4).integers(0, 256, (2, 40, 48, 3)).astype(np.float32)
    inside = keras.Model(model.input, [model.get_layer("features").output, model.get_layer("damage_1").output])
    found, answer = inside.predict(pixels, verbose=0)
    np.testing.assert_allclose(answer, networks(found)[:, 1], rtol=1e-4, atol=1e-5)
