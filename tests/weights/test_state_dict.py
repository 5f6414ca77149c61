"""State dicts going into Keras models."""

from __future__ import annotations

from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.weights.state_dict import architecture_of, assign_state_dict

State = dict[str, np.ndarray[Any, Any]]


def small_model() -> keras.Model:
    image = keras.Input((5, 5, 3), name="image")
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv1")(image)
    x = keras.layers.BatchNormalization(epsilon=1e-5, name="bn1")(x)
    x = keras.layers.Conv2D(2, 1, name="layer1_0_downsample_0")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, keras.layers.Dense(3, name="fc")(x), name="small")


def small_state(seed: int = 0) -> State:
    rng = np.random.default_rng(seed)
    shapes = {
        "conv1.weight": (4, 3, 3, 3),
        "bn1.weight": (4,),
        "bn1.bias": (4,),
        "bn1.running_mean": (4,),
        "bn1.running_var": (4,),
        "layer1.0.downsample.0.weight": (2, 4, 1, 1),
        "layer1.0.downsample.0.bias": (2,),
        "fc.weight": (3, 2),
        "fc.bias": (3,),
    }
    return {name: rng.uniform(0.5, 2, shape).astype(np.float32) for name, shape in shapes.items()}


def torch_output(state: State, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What PyTorch computes with this state for one image (3, 5, 5), by its layers' definitions."""
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (3, 3), axis=(1, 2))
    x = np.einsum("oikl,iyxkl->oyx", state["conv1.weight"], windows)
    column = {name: state[f"bn1.{name}"][:, None, None] for name in ("weight", "bias", "running_mean", "running_var")}
    x = (x - column["running_mean"]) / np.sqrt(column["running_var"] + 1e-5) * column["weight"] + column["bias"]
    x = np.einsum("oi,iyx->oyx", state["layer1.0.downsample.0.weight"][:, :, 0, 0], x)
    pooled = (x + state["layer1.0.downsample.0.bias"][:, None, None]).mean(axis=(1, 2))
    return np.asarray(state["fc.weight"] @ pooled + state["fc.bias"])


def test_the_model_computes_what_torch_would() -> None:
    model, state = small_model(), small_state()
    assign_state_dict(model, state)
    image = np.random.default_rng(1).standard_normal((3, 5, 5)).astype(np.float32)
    found = keras.ops.convert_to_numpy(model(image.transpose(1, 2, 0)[None], training=False))[0]
    np.testing.assert_allclose(found, torch_output(state, image), rtol=1e-5)


@pytest.mark.parametrize("with_counts", [True, False])
def test_step_counts_are_optional(with_counts: bool) -> None:
    model, state = small_model(), small_state()
    if with_counts:
        state["bn1.num_batches_tracked"] = np.array(12)
    assign_state_dict(model, state)
    np.testing.assert_array_equal(model.get_layer("bn1").gamma, state["bn1.weight"])
    np.testing.assert_array_equal(model.get_layer("bn1").moving_variance, state["bn1.running_var"])


def test_prefix_is_removed_and_ignored_tensors_are_left_out() -> None:
    model, state = small_model(), small_state()
    prefixed = {f"backbone.{name}": value for name, value in state.items()}
    prefixed["backbone.bn1.num_batches_tracked"] = np.array(1)
    prefixed["exifCNN.weight"] = np.zeros((1, 8), np.float32)
    assign_state_dict(model, prefixed, prefix="backbone.", ignore=[r"exifCNN\..*"])
    np.testing.assert_array_equal(model.get_layer("fc").bias, state["fc.bias"])


def test_ignored_by_the_whole_name_only() -> None:
    state = small_state() | {"other.fc.weight": np.zeros(1)}
    with pytest.raises(CheckpointError, match=r"1 unexpected \(other\.fc\.weight\)"):
        assign_state_dict(small_model(), state, ignore=["other", r"fc\..*x"])


def test_a_tensor_outside_the_prefix_is_unexpected() -> None:
    state = {f"backbone.{name}": value for name, value in small_state().items()} | {"exifCNN.weight": np.zeros((1, 8))}
    with pytest.raises(CheckpointError, match=r"does not fit small: 1 unexpected \(exifCNN\.weight\)$"):
        assign_state_dict(small_model(), state, prefix="backbone.")


def test_rename_of_modules_and_of_what_is_below_them() -> None:
    model, state = small_model(), small_state()
    names = {"conv1": "body.0", "bn1": "body.1", "layer1": "body.4", "fc": "head.8"}
    renamed = {names[name.split(".")[0]] + name[len(name.split(".")[0]) :]: value for name, value in state.items()}
    assert "body.4.0.downsample.0.weight" in renamed
    rename = {"body.4": "layer1", "body.0": "conv1", "body.1": "bn1", "head": "head", "head.8": "fc"}
    assign_state_dict(model, renamed, rename=rename)
    np.testing.assert_array_equal(
        model.get_layer("layer1_0_downsample_0").kernel[0, 0], state["layer1.0.downsample.0.weight"][:, :, 0, 0].T
    )
    np.testing.assert_array_equal(model.get_layer("fc").kernel, state["fc.weight"].T)


def test_rename_to_nothing_drops_the_path() -> None:
    model, state = small_model(), small_state()
    assign_state_dict(model, {f"quality.{name}": value for name, value in state.items()}, rename={"quality": ""})
    np.testing.assert_array_equal(model.get_layer("fc").bias, state["fc.bias"])


def test_layers_in_nested_models_are_found() -> None:
    inner = small_model()
    image = keras.Input((5, 5, 3))
    outer = keras.Model(image, keras.layers.Dense(1, use_bias=False, name="head")(inner(image)))
    state = small_state() | {"head.weight": np.array([[1, 2, 3]], np.float32)}
    assign_state_dict(outer, state)
    np.testing.assert_array_equal(inner.get_layer("fc").kernel, state["fc.weight"].T)
    np.testing.assert_array_equal(outer.get_layer("head").kernel, [[1], [2], [3]])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16, np.int32])
def test_other_number_types_are_converted(dtype: Any) -> None:
    model, state = small_model(), small_state()
    state["fc.bias"] = state["fc.bias"].astype(dtype)
    assign_state_dict(model, state)
    np.testing.assert_array_equal(model.get_layer("fc").bias, state["fc.bias"].astype(np.float32))


def test_read_only_and_unaligned_tensors_are_taken() -> None:
    model, state = small_model(), small_state()
    raw = np.frombuffer(b"x" + state["fc.bias"].tobytes(), np.uint8)[1:]
    assign_state_dict(model, state | {"fc.bias": raw.view(np.float32)})
    np.testing.assert_array_equal(model.get_layer("fc").bias, state["fc.bias"])


def changed(name: str, value: Any) -> State:
    return small_state() | {name: np.asarray(value)}


def without(name: str) -> State:
    state = small_state()
    del state[name]
    return state


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (without("bn1.running_var"), r"1 missing \(bn1/moving_variance\)"),
        (without("conv1.weight"), r"1 missing \(conv1/kernel\)"),
        (changed("fc.extra", [1.0]), r"1 unexpected \(fc\.extra\)"),
        (changed("layer1_0_downsample_0.bias", [1.0, 2.0]), r"1 unexpected \(layer1_0_downsample_0\.bias\)"),
        (changed("fc.weight", np.zeros((2, 3))), r"1 of another shape \(fc\.weight is \(2, 3\), not \(3, 2\)\)"),
        (changed("conv1.weight", np.zeros((3, 3, 3, 4))), r"is \(3, 3, 3, 4\), not \(4, 3, 3, 3\)"),
        (changed("fc.bias", 1.0), r"fc\.bias is \(\), not \(3,\)"),
        (changed("fc.bias", [1, np.nan, 2]), r"1 not finite real numbers \(fc\.bias\)"),
        (changed("fc.bias", [1, 1e300, 2]), r"1 not finite real numbers \(fc\.bias\)"),
        (changed("fc.bias", [1, 1j, 2]), r"1 not finite real numbers \(fc\.bias\)"),
        (changed("fc.bias", ["a", "b", "c"]), r"1 not finite real numbers \(fc\.bias\)"),
        ({}, r"9 missing \(conv1/kernel, bn1/gamma, bn1/beta, \.\.\.\)"),
        (changed("x\ny" * 200, [1]), r"1 unexpected \(x\\nyx"),
    ],
)
def test_nothing_is_assigned_unless_all_fits(state: State, said: str) -> None:
    model = small_model()
    before = model.get_weights()
    with pytest.raises(CheckpointError, match=said) as caught:
        assign_state_dict(model, state, source="file.pt")
    assert str(caught.value).startswith("file.pt does not fit small: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_an_expanded_tensor_of_absurd_shape_is_not_touched() -> None:
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (2**20, 2**20), (0, 0))
    with pytest.raises(CheckpointError, match="another shape"):
        assign_state_dict(small_model(), changed("fc.weight", huge))


def test_two_layers_of_one_name() -> None:
    image = keras.Input((2,))
    inner = keras.Model(image, keras.layers.Dense(2, name="fc")(image))
    outer = keras.Model(image, keras.layers.Dense(2, name="fc")(inner(image)))
    with pytest.raises(InvalidInput, match="two layers named 'fc'"):
        assign_state_dict(outer, {})


def resnet_state(depths: tuple[int, ...], bottleneck: bool, prefix: str = "", planes: int = 64) -> State:
    state = {f"{prefix}conv1.weight": np.zeros((64, 3, 7, 7))}
    for stage, depth in enumerate(depths, 1):
        for block in range(depth):
            for conv in range(1, 4 if bottleneck else 3):
                shape = (planes, planes, 3, 3) if (stage, conv) == (1, 2) else (1, 1, 1, 1)
                state[f"{prefix}layer{stage}.{block}.conv{conv}.weight"] = np.zeros(shape)
    return state


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.backbone_quality."])
def test_architectures_are_told_apart(prefix: str) -> None:
    assert architecture_of(resnet_state((2, 2, 2, 2), False, prefix)) == "resnet18"
    assert architecture_of(resnet_state((3, 4, 6, 3), False, prefix)) == "resnet34"
    assert architecture_of(resnet_state((3, 4, 6, 3), True, prefix)) == "resnet50"
    assert architecture_of(resnet_state((3, 4, 23, 3), True, prefix)) is None
    assert architecture_of(resnet_state((3, 4, 6, 3), True, prefix, planes=128)) is None
    assert architecture_of(small_state()) is None


def test_the_wrong_architecture_is_named() -> None:
    image = keras.Input((8, 8, 64))
    outputs = []
    for name, tensor in resnet_state((2, 2, 2, 2), False).items():
        filters, _, size, _ = tensor.shape
        layer = name.removesuffix(".weight").replace(".", "_")
        outputs.append(keras.layers.Conv2D(filters, size, use_bias=False, name=layer)(image))
    model = keras.Model(image, outputs, name="body")
    with pytest.raises(CheckpointError, match=r"the file holds a resnet34, the model is a resnet18$"):
        assign_state_dict(model, resnet_state((3, 4, 6, 3), False))
