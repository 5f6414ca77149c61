"""Types of scenes: found, numbered, kept and told."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from tfiqa.errors import InvalidInput
from tfiqa.features.scenes.clusters import SceneTypes, fit_scene_types
from tfiqa.features.scenes.labels import with_scenes


def descriptor(brightness, contrast=0, edge=0):
    """All blocks in one bin each of means and deviations, all edges of one kind."""
    return np.eye(37)[[brightness, 16 + contrast, 32 + edge]].sum(axis=0)


@pytest.fixture(scope="module")
def groups():
    """Forty descriptors around four (10 each), in an order that mixes them; and which of the four, dark to bright."""
    rng = np.random.default_rng(0)
    which = rng.permutation(np.repeat(np.arange(4), 10))
    centres = np.stack([descriptor(1), descriptor(5, 3, 1), descriptor(9, 8, 4), descriptor(14, 1, 2)])
    return centres[which] + rng.normal(0, 0.02, (40, 37)), which


@pytest.mark.parametrize("seed", [0, 7])
def test_types_are_numbered_from_dark_to_bright(groups, seed):
    descriptors, which = groups
    types = fit_scene_types(descriptors, seed=seed)
    np.testing.assert_array_equal(types.assign(descriptors), which)
    for number in range(4):
        np.testing.assert_allclose(types.centroids[number], descriptors[which == number].mean(axis=0), atol=1e-12)
    np.testing.assert_array_equal(fit_scene_types(descriptors, seed=seed).centroids, types.centroids)


def test_the_best_of_several_starts():
    descriptors = np.random.default_rng(1).uniform(0, 1, (60, 37))
    single = [KMeans(6, n_init=1, random_state=seed).fit(descriptors).inertia_ for seed in range(5)]
    distances = fit_scene_types(descriptors, 6).distances(descriptors)
    assert (distances.min(axis=1) ** 2).sum() <= np.median(single)


def test_fewer_looks_than_types(groups):
    same = np.repeat(groups[0][:3], 5, axis=0)
    with pytest.raises(InvalidInput, match=r"4 types of scenes .* look different\. Received: 3"):
        fit_scene_types(same)
    np.testing.assert_array_equal(np.sort(np.unique(fit_scene_types(same, 3).assign(same))), [0, 1, 2])


def test_what_a_type_looks_like():
    dark = descriptor(0, 1) + descriptor(1, 1, 2)
    look = SceneTypes((dark / 2)[np.newaxis]).looks()[0]
    assert look.brightness == 255 / 16
    assert look.contrast == 127.5 / 16 * 1.5
    assert look.edges["vertical"] == look.edges["45 degrees"] == 0.5
    assert str(look).startswith(
        "brightness 16 of 255, contrast of blocks 12; edges: vertical 50%, horizontal 0%, 45 de"
    )


def test_the_first_of_equally_near_types():
    types = SceneTypes(np.stack([descriptor(0), descriptor(2), descriptor(4)]))
    np.testing.assert_array_equal(types.assign([descriptor(1), descriptor(4)]), [0, 2])


def test_they_are_kept(groups, tmp_path):
    types = fit_scene_types(groups[0])
    types.save(tmp_path / "s.json")
    np.testing.assert_array_equal(SceneTypes.load(tmp_path / "s.json").centroids, types.centroids)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "holds no scene types"),
        ("[1]", "s.json: these are no scene types"),
        ('{"format": "tfiqa scene types", "version": 2}', "have version 2, this tfiqa reads version 1"),
        ('{"format": "tfiqa scene types", "version": 1}', r"finite centroids \(K, 37\)\. Received the shape \(0,\)"),
        ('{"format": "tfiqa scene types", "version": 1, "centroids": [[1], [1, 2]]}', "rows of numbers"),
        (json.dumps({"format": "tfiqa scene types", "version": 1, "centroids": [[float("nan")] * 37]}), "finite"),
    ],
)
def test_what_holds_no_types(text, told, tmp_path):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InvalidInput, match=told):
        SceneTypes.load(tmp_path / "s.json")
    with pytest.raises(InvalidInput, match=r"cannot read .*none\.json"):
        SceneTypes.load(tmp_path / "none.json")


def test_columns_of_a_table():
    types = SceneTypes(np.stack([descriptor(0), descriptor(9)]))
    table = pd.DataFrame({"image": ["a", "b", "c"], "scene_2": 1, "scene": "x", "scene_1": 5.0, "scene_night": 0})
    labelled = with_scenes(table, types, [descriptor(9), descriptor(0, 2), descriptor(9, 0, 3)])
    assert list(labelled) == ["image", "scene", "scene_night", "scene_0", "scene_1"]
    assert labelled["scene_0"].tolist() == [0, 1, 0]
    assert labelled["scene_1"].tolist() == [1, 0, 1]
