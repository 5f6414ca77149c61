"""NIMA's distributions of votes as targets."""

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
from tfiqa.errors import RecipeError
from tfiqa.models.baselines.nima import BINS
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.training_data import targets_of


def test_the_recipe_asks_for_votes_and_their_mean():
    recipe = read_recipe("nima_ava")
    assert recipe.columns() == ("image", "score", *BINS)
    assert read_recipe("nima").columns() == ("image", "score")


def test_a_distribution_needs_its_own_loss():
    with pytest.raises(RecipeError, match=r"take loss\.name=emd"):
        read_recipe("nima_ava", ["loss.name=mse"])
    with pytest.raises(RecipeError, match="loss emd is for quality and distribution"):
        read_recipe("nima", ["loss.name=emd"])
    assert read_recipe("nima", ["loss.name=emd", "model.options.output=distribution"]).loss.name == "emd"
    assert read_recipe("nima_ava", ["loss.name=fidelity"]).learns_pairs


def test_counts_of_votes_become_shares():
    counts = np.array([[0, 0, 1, 5, 10, 4, 0, 0, 0, 0], [1] * 10])
    table = pd.DataFrame(counts, columns=BINS).assign(image=["a.png", "b.png"], score=[4.85, 5.5])
    targets = targets_of(Manifest(table, None, UNKNOWN_SCALE), read_recipe("nima_ava").spec.targets)
    np.testing.assert_allclose(targets["distribution"], counts / counts.sum(axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(targets["quality"][:, 0], [4.85, 5.5], rtol=1e-6)
