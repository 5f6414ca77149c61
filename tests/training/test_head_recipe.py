"""Recipes of regression heads: what they say, and what is refused."""

import subprocess
import sys

import pytest

from tfiqa.errors import RecipeError
from tfiqa.training.heads.recipe import HeadRecipe
from tfiqa.training.recipe import Recipe
from tfiqa.training.recipe_files import read_recipe, recipe_text


def test_the_bundled_recipe_is_the_authors():
    recipe = read_recipe("deepfl_head")
    assert isinstance(recipe, HeadRecipe)
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.head.batch_normalization) == (30, 128, True)
    assert recipe.split.fractions() == {"train": 0.6, "validation": 0.2, "test": 0.2}
    assert recipe.split.repeats == 100
    assert recipe.settings == tuple({"learning_rate": rate} for rate in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5))


def test_the_papers_own_settings():
    recipe = read_recipe("deepfl_head", ["batch_normalization=false", "batch_size=64", "search.splits=0"])
    assert (recipe.head.batch_normalization, recipe.training.batch_size, recipe.search.splits) == (False, 64, 0)


def test_support_vectors_try_a_grid():
    recipe = read_recipe("deepfl_head_svr", ["costs=[1, 10]", "gammas=[2]"])
    assert recipe.settings == (
        {"cost": 1.0, "gamma": 2.0, "epsilon": 0.1},
        {"cost": 10.0, "gamma": 2.0, "epsilon": 0.1},
    )


def test_a_resolved_recipe_reads_back_as_its_kind(tmp_path):
    recipe = read_recipe("deepfl_head", ["learning_rates=[1e-3, 2e-3]", "repeats=7"])
    (tmp_path / "recipe.yaml").write_text(recipe_text(recipe))
    assert read_recipe(tmp_path / "recipe.yaml") == recipe
    assert isinstance(read_recipe("spaq_bl"), Recipe)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("kind=forest", "unknown head.kind 'forest'"),
        ("repeats=0", "split.repeats is at least 1"),
        ("split.validation=0", "split fractions sum to 1"),
        ("split={train: 0.8, validation: 0.0, test: 0.2}", "split.validation is above 0"),
        ("search.splits=-1", "search.splits is at least 0"),
        ("learning_rates=[]", "search.learning_rates are different numbers above 0"),
        ("learning_rates=[1e-3, 1e-3]", "search.learning_rates are different numbers above 0"),
        ("learning_rates=3", "search.learning_rates is of type list. Received: 3"),
        ("learning_rates=[fast]", "a value of search.learning_rates is of type float. Received: 'fast'"),
        ("costs=[0]", "search.costs are different numbers above 0"),
        ("batch_size=0", "training.batch_size is at least 1"),
        ("training.seed=4294967290", "training.seed + split.repeats"),
        ("seed=3", "say split.seed or training.seed"),
        ("model=spaq_bl", "unknown key 'model'"),
        ("model.name=spaq_bl", "unknown section 'model'"),
        ("epoch=3", "did you mean 'epochs'"),
    ],
)
def test_what_is_refused_in_one_line(override, message):
    with pytest.raises(RecipeError) as refused:
        read_recipe("deepfl_head", [override])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_recipe_is_checked_without_tensorflow():
    code = (
        "import sys; from tfiqa.training.recipe_files import read_recipe; read_recipe('deepfl_head');"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
