"""NIMA's distributions of votes as targets."""

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest, read_manifest
from tfiqa.errors import ManifestError, RecipeError
from tfiqa.models.baselines.nima import BINS
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.targets import check_distributions, targets_of


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


def votes(scores, **columns):
    """Two pictures, the votes of the first all for bin 4, those of the second half for bin 6 and half for bin 7."""
    shares = np.zeros((2, 10))
    shares[0, 3], shares[1, 5:7] = 8, 1
    return Manifest(pd.DataFrame(shares, columns=BINS).assign(score=scores, **columns), None, UNKNOWN_SCALE)


def test_the_scores_are_means_of_the_votes():
    from_0_to_9 = read_recipe("nima_ava", ["model.options.low=0", "model.options.high=9"])
    check_distributions(votes([4.0, 6.4]), read_recipe("nima_ava"))
    check_distributions(votes([3.0, 5.5]), from_0_to_9)
    with pytest.raises(ManifestError, match=r"scores are 1 off the means of the votes for 0 to 9; model\.options\.low"):
        check_distributions(votes([4.0, 6.5]), from_0_to_9)
    with pytest.raises(ManifestError, match=r"1 of 2 pictures have no label or a negative one .*\(row 3\)"):
        check_distributions(votes([4.0, 6.4], bin_1=[0, -1]), read_recipe("nima_ava"))


def test_votes_are_numbers(tmp_path):
    votes([4.0, 6.5]).table.assign(image=["a.png", "b.png"], bin_3=["0", "many"]).to_csv(tmp_path / "m.csv")
    with pytest.raises(ManifestError, match=r"bin_3 is not a number in row 3 \(first: 'many'\)"):
        read_manifest(tmp_path / "m.csv")
