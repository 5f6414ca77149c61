"""Recipes: the bundled ones, overrides, and what is refused."""

import subprocess
import sys

import pytest
import yaml

from tfiqa.errors import RecipeError
from tfiqa.training.recipe_files import list_recipes, parse_recipe, read_recipe, recipe_text


def test_bundled_recipes_are_the_papers():
    assert {"quickstart", "spaq_bl", "spaq_mt_a"} <= set(list_recipes())
    for name in ("spaq_bl", "spaq_mt_a"):
        recipe = read_recipe(name)
        training = recipe.training
        assert recipe.model.name == name
        assert (training.epochs, training.batch_size, training.frozen_epochs, recipe.data.crop) == (30, 16, 10, 224)
        assert [training.learning_rate_of(e) for e in (0, 9, 10, 20, 29)] == pytest.approx(
            [1e-3, 1e-3, 1e-4, 1e-5, 1e-5]
        )
        assert recipe.data.flip is False
        assert recipe.model.weights == "imagenet"


@pytest.mark.parametrize("name", list_recipes())
def test_a_resolved_recipe_reads_back(name, tmp_path):
    recipe = read_recipe(name)
    (tmp_path / "r.yaml").write_text(recipe_text(recipe))
    assert read_recipe(tmp_path / "r.yaml") == recipe


def test_overrides():
    recipe = read_recipe(
        "spaq_bl",
        ["epochs=3", "training.frozen_epochs=1", "model=spaq_mt_a", "loss.weights={quality: 0.9, attributes: 0.1}",
         "model.options.backbone=resnet18", "model.weights=null", "learning_rate=1e-4"],
    )  # fmt: skip
    assert (recipe.training.epochs, recipe.training.frozen_epochs, recipe.model.name) == (3, 1, "spaq_mt_a")
    assert recipe.model.weights is None
    assert recipe.loss.weights == {"quality": 0.9, "attributes": 0.1}
    assert recipe.training.learning_rate == 1e-4
    assert recipe.model.options == {"backbone": "resnet18"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epoch=3", "unknown key 'epoch'; did you mean 'epochs'"),
        ("training.epoch=3", "unknown key in section training 'epoch'; did you mean 'epochs'"),
        ("trainings.epochs=3", "unknown section 'trainings'; did you mean 'training'"),
        ("epochs=many", "training.epochs is of type int. Received: 'many'"),
        ("epochs=0", "training.epochs is at least 1"),
        ("epochs=2.5", "training.epochs is of type int"),
        ("flip=1", "data.flip is of type bool"),
        ("learning_rate=-1", "training.learning_rate is above 0"),
        ("learning_rate=.nan", "training.learning_rate is of type float"),
        ("learning_rate=.inf", "training.learning_rate is of type float"),
        ("training.seed=4294967296", "training.seed is below"),
        ("model.options.backbone=18", "unknown backbone '18'"),
        ("frozen_epochs=31", "at most training.epochs"),
        ("precision=float16", "unknown training.precision"),
        ("on_bad_picture=ignore", "data.on_bad_picture"),
        ("resize=shorter", "resize"),
        ("split.train=0.9", "split fractions sum to 1"),
        ("seed=1", "say split.seed or training.seed"),
        ("weights=null", "say model.weights or loss.weights"),
        ("model=spaq_bx", "did you mean 'spaq_bl'"),
        ("model=resnet18", "nothing to train against"),
        ("model.options.backbon=resnet18", "did you mean 'backbone'"),
        ("model.options={backbone: resnet51}", "resnet50"),
        ("loss.weights={quality: 0.5}", "sum to 1"),
        ("loss.name=l3", "unknown loss 'l3'"),
        ("weight_decay=0.1", "needs training.optimizer: adamw"),
        ("epochs", "--set takes key=value"),
        ("epochs={", "not YAML"),
    ],
)
def test_what_is_refused_in_one_line(override, message):
    with pytest.raises(RecipeError) as refused:
        read_recipe("spaq_bl", [override])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_broken_files(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'spaq_bl'"):
        read_recipe("spaq_b")
    with pytest.raises(RecipeError, match="cannot read recipe"):
        read_recipe(tmp_path / "none.yaml")
    (tmp_path / "r.yaml").write_text("model: [")
    with pytest.raises(RecipeError, match="is not YAML"):
        read_recipe(tmp_path / "r.yaml")
    (tmp_path / "r.yaml").write_text("just words")
    with pytest.raises(RecipeError, match="holds no settings"):
        read_recipe(tmp_path / "r.yaml")
    with pytest.raises(RecipeError, match="section model is missing"):
        parse_recipe({"data": {}})
    with pytest.raises(RecipeError, match=r"model\.name is missing"):
        parse_recipe({"model": {}})
    with pytest.raises(RecipeError, match="section training is a mapping"):
        parse_recipe(yaml.safe_load("model: {name: spaq_bl}\ntraining: 3"))


def test_a_recipe_is_checked_without_tensorflow():
    code = (
        "import sys; from tfiqa.training.recipe_files import read_recipe; read_recipe('spaq_mt_a');"
        "print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_grids_patches_are_those_of_the_models_options():
    assert read_recipe("cnniqa", ["data.grid=true", "crops_per_picture=1"]).data.crop == 32
    of_picture = ["data.grid=true", "crops_per_picture=1", "model.options.normalization=picture"]
    assert read_recipe("cnniqa", [*of_picture, "data.crop=38"]).spec.protocol.patch_size == 38
    with pytest.raises(RecipeError, match=r"the patches of cnniqa are data.crop=38. Received: 32"):
        read_recipe("cnniqa", of_picture)
    with pytest.raises(RecipeError, match="unique takes whole pictures, not patches"):
        read_recipe("unique", ["data.grid=true"])
    with pytest.raises(RecipeError, match="crops_per_picture 1"):
        read_recipe("cnniqa", ["data.grid=true"])
