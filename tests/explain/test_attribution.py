"""Grad-CAM and saliency: against hand-made numbers, finite differences and tf-keras-vis, for every registered model."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from small_networks import small_resnet18

import tfiqa
from tfiqa.errors import InvalidInput, MissingPackage, UnknownName
from tfiqa.explain import attribution, keras_vis
from tfiqa.explain.attribution import METHODS, Explainer
from tfiqa.explain.grad_cam import SIGNS, signed
from tfiqa.explain.saliency import smooth_gradient
from tfiqa.explain.split_model import SplitModel
from tfiqa.explain.targets import find_target
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.backbones.resnet_shape import STAGE_BLOCKS
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.quality_model import quality_model
from tfiqa.pipelines.scoring import PicturePredictor

NATIVE = PictureProtocol("native")
OPTIONS = {"spaq": {"backbone": "resnet18"}, "uniq": {"backbone": "resnet18"}, "deep": {"body": "resnet18"}}


def picture(height=24, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def model_of(image, quality, protocol=NATIVE):
    info = ModelInfo("tiny", {}, protocol, None, {"quality": ("quality",)})
    return quality_model(image, {"quality": quality}, info)


def image_input():
    return keras.Input((None, None, 3), name="image")


def linear_model(kernel, weights, offset, **settings):
    """The mean of pixel-wise combinations of the channels, combined once more."""
    image = image_input()
    maps = layers.Conv2D(kernel.shape[1], 1, use_bias=False, name="maps")(image)
    quality = layers.Dense(1, name="fc")(layers.GlobalAveragePooling2D(name="features")(maps))
    model = model_of(image, quality, **settings)
    model.get_layer("maps").set_weights([kernel[None, None]])
    model.get_layer("fc").set_weights([weights[:, None], np.array([offset])])
    return model


def smooth_body(image, seed=1):
    """Two convolutions with smooth activations, so that finite differences come near the gradient."""
    keras.utils.set_random_seed(seed)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(4, 3, activation="tanh", name="first")(x)
    return layers.Conv2D(5, 3, strides=2, activation="softplus", name="last")(x)


def smooth_head(maps):
    x = layers.Dense(6, activation="tanh")(layers.GlobalAveragePooling2D(name="features")(maps))
    return layers.Dense(1, name="fc")(x)


def smooth_model(**settings):
    image = image_input()
    return model_of(image, smooth_head(smooth_body(image)), **settings)


@pytest.fixture(scope="module")
def linear():
    rng = np.random.default_rng(3)
    kernel, weights = rng.normal(size=(3, 2)), rng.normal(size=2)
    return kernel, weights, linear_model(kernel, weights, 7.0)


def test_grad_cam_of_a_linear_model_is_its_terms(linear):
    kernel, weights, model = linear
    explainer = Explainer(model, package="tfiqa")
    values = explainer.explain(picture())
    np.testing.assert_allclose(values, picture() @ kernel @ weights, rtol=1e-4, atol=1e-3)
    assert values.mean() == pytest.approx(explainer.score(picture()) - 7, rel=1e-4)


def test_saliency_of_a_linear_model_is_its_largest_weight(linear):
    kernel, weights, model = linear
    values = Explainer(model, package="tfiqa").explain(picture(), "saliency")
    np.testing.assert_allclose(values, np.abs(kernel @ weights).max() / (24 * 32), rtol=1e-4)


def test_raises_and_lowers_are_the_two_halves():
    values = np.array([-2.0, 0, 3], np.float32)
    assert [signed(values, sign).tolist() for sign in SIGNS] == [[-2, 0, 3], [0, 0, 3], [2, 0, 0]]
    with pytest.raises(UnknownName, match="did you mean 'raises'"):
        signed(values, "raise")


def test_the_gradient_by_the_picture_against_finite_differences():
    split = SplitModel(smooth_model(), find_target(smooth_model()))
    images = np.stack([picture(seed=seed) for seed in (0, 1)]).astype(np.float32)
    direction = np.random.default_rng(5).normal(size=images.shape).astype(np.float32)
    up, down = (split.score(images + step * direction).numpy() for step in (1, -1))
    got = (split.gradient(images) * direction).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(got, (up - down) / 2, rtol=0.02, atol=1e-6)


def test_the_gradient_by_the_maps_against_finite_differences():
    model = smooth_model()
    split = SplitModel(model, find_target(model))
    images = picture()[None].astype(np.float32)
    ((maps, gradients),) = split.maps_and_gradients(images)
    np.testing.assert_allclose(maps, keras.Model(model.inputs, model.get_layer("last").output)(images), rtol=1e-5)
    direction = np.random.default_rng(5).normal(size=maps.shape).astype(np.float32)
    up, down = (split.score_with_maps(partial(keras.ops.add, step * direction), images) for step in (0.01, -0.01))
    assert (gradients * direction).sum() == pytest.approx(float(up[0] - down[0]) / 0.02, rel=0.02)
    assert split.score(images).numpy() == pytest.approx(model(images)["quality"][:, 0].numpy())


def test_a_model_that_sees_green_alone_looks_at_the_green_square():
    image = image_input()
    maps = layers.Conv2D(1, 4, strides=4, activation="relu", name="maps")(image)
    model = model_of(image, layers.Dense(1, name="fc")(layers.GlobalAveragePooling2D()(maps)))
    kernel = np.tile(np.reshape([-1.0, 1, -1], (1, 1, 3, 1)), (4, 4, 1, 1))
    model.get_layer("maps").set_weights([kernel, np.array([-800.0])])
    model.get_layer("fc").set_weights([np.array([[1.0]]), np.array([0.0])])
    pixels = np.full((64, 80, 3), 90, np.uint8)
    pixels[40:52, 20:32] = 10, 240, 10
    for method in METHODS:
        values = Explainer(model, package="tfiqa").explain(pixels, method, noise=0.02)
        row, column = np.unravel_index(values.argmax(), values.shape)
        assert 40 <= row < 52
        assert 20 <= column < 32
        inside = values[40:52, 20:32].sum()
        assert inside > 0.6 * values.sum()
        assert not values[:32].any()
    assert not signed(Explainer(model, package="tfiqa").explain(pixels), "lowers").any()


@pytest.mark.parametrize("pooled", [False, True], ids=["maps out of the body", "pooled in the body"])
def test_a_model_within_the_model(pooled):
    flat = smooth_model()
    inner, image = keras.Input((None, None, 3)), image_input()
    maps = smooth_body(inner)
    body = keras.Model(inner, layers.GlobalAveragePooling2D(name="pool")(maps) if pooled else maps, name="body")
    if pooled:
        features = layers.Dense(6, activation="tanh")(body(image))
        nested = model_of(image, layers.Dense(1)(features))
    else:
        nested = model_of(image, smooth_head(body(image)))
    nested.set_weights(flat.get_weights())
    for layer in (None, "first", "last"):
        want, got = (Explainer(model, layer=layer, package="tfiqa") for model in (flat, nested))
        for method in METHODS:
            np.testing.assert_array_equal(
                got.explain(picture(), method, samples=2), want.explain(picture(), method, samples=2)
            )
    reason = keras_vis.obstacle(SplitModel(nested, find_target(nested)), maps=True)
    assert reason == f"{'last' if pooled else 'body'} is no layer of the model itself"


def test_maps_of_many_levels_each_count_once():
    """As in DeepFL-IQA: each level is averaged, and goes into the next one."""
    image = image_input()
    keras.utils.set_random_seed(0)
    first = layers.Conv2D(2, 1, use_bias=False, name="first")(image)
    second = layers.Conv2D(3, 1, use_bias=False, name="second")(first)
    pooled = [layers.GlobalAveragePooling2D()(each) for each in (first, second)]
    model = model_of(image, layers.Dense(1, use_bias=False, name="fc")(layers.Concatenate()(pooled)))
    explainer = Explainer(model, package="tfiqa")
    assert {maker.name for maker in explainer.split.makers} == {"first", "second"}
    values = explainer.explain(picture())
    assert values.mean() == pytest.approx(explainer.score(picture()), rel=1e-3)
    alone = Explainer(model, layer="first", package="tfiqa").explain(picture())
    assert alone.mean() == pytest.approx(explainer.score(picture()), rel=1e-3)  # all of it goes through the first


@pytest.fixture
def small_resnets(monkeypatch):
    """Bodies of a single block."""
    for name in STAGE_BLOCKS:
        monkeypatch.setitem(STAGE_BLOCKS, name, (0, 0, 0, 1))
    with small_resnet18():
        yield


def registered(name):
    return tfiqa.build_model(name, **OPTIONS.get(name[:4], {}))


@pytest.mark.parametrize("name", tfiqa.list_models())
@pytest.mark.usefixtures("small_resnets")
def test_every_model_is_explained(name):
    model = registered(name)
    output = next(iter(model.output))
    explainer = Explainer(model, "quality" if "quality" in model.output else f"{output}.0", package="tfiqa")
    pixels = picture(48, 64)
    for method in METHODS[:2]:
        values = explainer.explain(pixels, method)
        assert values.shape == (48, 64)
        assert values.dtype == np.float32
        assert np.ptp(values) > 0
        assert (values >= 0).all() or method == "grad-cam"


@pytest.mark.usefixtures("small_resnets")
def test_targets_are_columns_of_score_rows_or_numbers_of_outputs():
    attributes, scenes, measures = map(registered, ("spaq_mt_a", "spaq_mt_s", "deepfl_mtl"))
    assert (find_target(attributes, "sharpness").output, find_target(attributes, "sharpness").column) == (
        "attributes",
        4,
    )
    assert find_target(attributes, "attributes.4").column == 4
    assert (find_target(scenes, "scene_night_scene").output, find_target(scenes, "scene_night_scene").column) == (
        "scene_logits",
        5,
    )
    assert find_target(measures, "vsi").output == "vsi"
    for model, name in ((attributes, "attributes.5"), (scenes, "votes_animal"), (measures, "quality")):
        with pytest.raises(UnknownName, match=f"{model.name}: unknown target '{name}'"):
            find_target(model, name)
    with pytest.raises(UnknownName, match="did you mean 'sharpness'"):
        find_target(attributes, "sharpnes")
    with pytest.raises(UnknownName, match="layer with feature maps 'nowhere'"):
        Explainer(attributes, layer="nowhere")


@pytest.mark.usefixtures("small_resnets")
def test_the_target_is_what_is_explained():
    model = registered("spaq_mt_a")
    dense = model.get_layer("fc")
    kernel, offset = dense.get_weights()
    values = {
        name: Explainer(model, name, package="tfiqa").explain(picture(64, 96)) for name in ("quality", "contrast")
    }
    dense.set_weights([kernel * np.array([2, 1, 1, 3, 1, 1]), offset])
    again = {name: Explainer(model, name, package="tfiqa").explain(picture(64, 96)) for name in ("quality", "contrast")}
    np.testing.assert_allclose(again["quality"], 2 * values["quality"], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(again["contrast"], 3 * values["contrast"], rtol=1e-3, atol=1e-5)


def test_patch_by_patch_is_the_mean_that_is_scored(tmp_path):
    from PIL import Image

    model = smooth_model(protocol=PictureProtocol("native", 16, 8))
    explainer = Explainer(model, patches=True, package="tfiqa")
    Image.fromarray(picture(27, 33)).save(tmp_path / "a.png")
    want = PicturePredictor(model).predict(tmp_path / "a.png")["quality"][0]
    assert explainer.score(picture(27, 33)) == pytest.approx(want, rel=1e-5)
    pixels = picture(27, 33).astype(np.float32)
    direction = np.random.default_rng(5).normal(size=pixels.shape).astype(np.float32)
    up, down = (explainer.score(pixels + step * direction) for step in (1, -1))
    gradient = explainer._gradient(explainer.split, None, pixels)
    assert (gradient * direction).sum() == pytest.approx((up - down) / 2, rel=0.05)
    np.testing.assert_array_equal(explainer.explain(picture(27, 33), "saliency"), np.abs(gradient).max(axis=-1))


def test_grad_cam_patch_by_patch_has_no_seams(linear):
    kernel, weights, _ = linear
    model = linear_model(kernel, weights, 7.0, protocol=PictureProtocol("native", 16, 8))
    whole, patches = (Explainer(model, patches=each, package="tfiqa").explain(picture()) for each in (False, True))
    np.testing.assert_allclose(patches, whole, rtol=1e-4, atol=1e-2)


def test_patches_with_gaps_and_surroundings():
    """As DCNNS has them: what no patch holds tells nothing, and what is mirrored counts twice."""
    model = smooth_model(protocol=PictureProtocol("native", 12, 15, patch_ends="within", patch_margin=2))
    explainer, pixels = Explainer(model, patches=True, package="tfiqa"), picture(30, 33)
    want = PicturePredictor(model).predict_picture(pixels)["quality"][0]
    assert explainer.score(pixels) == pytest.approx(want, rel=1e-5)
    gradient = explainer._gradient(explainer.split, None, pixels.astype(np.float32))
    direction = np.random.default_rng(5).normal(size=pixels.shape).astype(np.float32)
    up, down = (explainer.score(pixels + step * direction) for step in (1, -1))
    assert (gradient * direction).sum() == pytest.approx((up - down) / 2, rel=0.05)
    values = explainer.explain(pixels)
    in_patches = np.zeros((30, 33), bool)
    for top, left in ((0, 0), (0, 15), (15, 0), (15, 15)):
        in_patches[top : top + 12, left : left + 12] = True
    np.testing.assert_array_equal(values != 0, in_patches)
    assert not gradient[29:].any()
    assert not gradient[:, 29:].any()


def test_only_small_patches_are_taken_one_by_one_unless_asked():
    size = {side: Explainer(smooth_model(protocol=PictureProtocol("native", side, side))) for side in (32, 224)}
    assert [size[side].protocol.patch_size for side in (32, 224)] == [32, None]
    with pytest.raises(InvalidInput, match="tiny takes pictures whole"):
        Explainer(smooth_model(), patches=True)


def test_large_pictures_are_shrunk():
    explainer = Explainer(smooth_model(protocol=PictureProtocol("shorter_side:60")), longest_side=80)
    assert explainer.prepared(picture(200, 100)).shape == (80, 40, 3)
    assert explainer.prepared(picture(30, 20)).shape == (30, 20, 3)
    patchwise = Explainer(smooth_model(protocol=PictureProtocol("native", 16, 16)), longest_side=80)
    assert patchwise.prepared(picture(200, 100)).shape == (200, 100, 3)


def test_smoothgrad_of_a_linear_model_is_its_saliency_and_repeats(linear):
    explainer = Explainer(linear[2], package="tfiqa")
    np.testing.assert_allclose(
        explainer.explain(picture(), "smoothgrad", samples=3), explainer.explain(picture(), "saliency"), rtol=1e-4
    )
    curved = Explainer(smooth_model(), package="tfiqa")
    one, same, other = (curved.explain(picture(), "smoothgrad", samples=2, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_smoothgrad_adds_noise_of_the_given_share():
    seen = []
    pixels = np.array([10, 210], np.float32).repeat(3000).reshape(20, 100, 3)
    smooth_gradient(lambda noisy: seen.append(noisy - pixels) or noisy, pixels, samples=4, noise=0.1)
    assert np.std(seen) == pytest.approx(20, rel=0.02)
    assert np.std(seen, axis=0).mean() > 10  # drawn anew for each sample
    with pytest.raises(InvalidInput, match="samples from 1"):
        smooth_gradient(lambda noisy: noisy, pixels, samples=0)


def test_what_cannot_be_explained():
    image = image_input()
    pooled = layers.GlobalAveragePooling2D()(image)
    with pytest.raises(InvalidInput, match="no feature maps"):
        Explainer(model_of(image, layers.Dense(1)(pooled)))
    with pytest.raises(UnknownName, match="unknown method"):
        Explainer(smooth_model()).explain(picture(), "gradcam")
    with pytest.raises(UnknownName, match="unknown package"):
        Explainer(smooth_model(), package="keras-vis")
    broken = smooth_model()
    broken.get_layer("fc").set_weights([np.full((6, 1), np.nan), np.zeros(1)])
    for method in METHODS:
        with pytest.raises(InvalidInput, match="not finite"):
            Explainer(broken, package="tfiqa").explain(picture(), method, samples=1)
    with pytest.raises(InvalidInput, match="not finite"):
        Explainer(broken).score(picture())


def test_a_picture_too_small_for_the_body(monkeypatch):
    monkeypatch.setattr(attribution, "smallest_side", lambda body: 75)
    with pytest.raises(InvalidInput, match="100x74 pixels; the model takes sides from 75"):
        Explainer(smooth_model()).prepared(picture(74, 100))


def test_without_tf_keras_vis(monkeypatch):
    monkeypatch.setattr(attribution, "installed", lambda: False)
    monkeypatch.setattr(keras_vis, "installed", lambda: False)
    assert Explainer(smooth_model()).package("saliency") == "tfiqa"
    with pytest.raises(MissingPackage, match="tf-keras-vis is not installed"):
        Explainer(smooth_model(), package="tf-keras-vis")


@pytest.fixture
def tf_keras_vis():
    pytest.importorskip("tf_keras_vis", reason="the optional package tf-keras-vis is not installed")


@pytest.mark.usefixtures("tf_keras_vis", "small_resnets")
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("spaq_mt_a", "sharpness"),
        ("spaq_mt_e", "quality"),
        ("spaq_mt_e", "generic_quality"),
        ("unique", "uncertainty"),
    ],
)
def test_tf_keras_vis_gives_the_same_numbers(name, target):
    model = registered(name)
    theirs, ours = (Explainer(model, target, package=package) for package in ("tf-keras-vis", "tfiqa"))
    for method in METHODS:
        want = theirs.explain(picture(64, 64), method, samples=2)
        assert theirs.package(method) == "tf-keras-vis"
        np.testing.assert_allclose(
            ours.explain(picture(64, 64), method, samples=2), want, rtol=1e-4, atol=1e-4 * np.abs(want).max()
        )


@pytest.mark.usefixtures("tf_keras_vis")
def test_tf_keras_vis_takes_a_loaded_model(tmp_path):
    """Keras numbers unnamed operations anew in each process; those of a file may have the same names as new ones."""
    image = image_input()
    scores = layers.Dense(2)(layers.GlobalAveragePooling2D()(smooth_body(image)))
    model_of(image, scores[:, :1]).save(tmp_path / "m.keras")
    keras.utils.clear_session()
    loaded = tfiqa.weights.build.read_model(tmp_path / "m.keras")
    theirs, ours = (Explainer(loaded, package=package).explain(picture()) for package in ("tf-keras-vis", "tfiqa"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("tf_keras_vis", "small_resnets")
def test_where_tf_keras_vis_fails_ours_takes_over():
    boxes, half = registered("paq2piq_roipool"), smooth_model()
    half.get_layer("last").dtype_policy = "mixed_bfloat16"
    for model, method, reason in (
        (boxes, "saliency", "cannot leave out the input boxes"),
        (boxes, "grad-cam", "cannot leave out the input boxes"),
        (half, "grad-cam", "would sum the maps of last in bfloat16"),
    ):
        assert Explainer(model).package(method) == "tfiqa"
        with pytest.raises(InvalidInput, match=reason):
            Explainer(model, package="tf-keras-vis").explain(picture(64, 96), method)
