"""Weights files of Keras 2: what is read, what is matched, what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras_files import with_random_weights, write_keras_2

from tfiqa.errors import CheckpointError
from tfiqa.weights.keras_hdf5 import assign_layers, read_layers


def small_model(units: int = 3, bias: bool = False) -> keras.Model:
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=bias)(image)
    x = keras.layers.BatchNormalization(scale=False)(x)
    x = keras.layers.DepthwiseConv2D(3, use_bias=False)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return with_random_weights(keras.Model(image, keras.layers.Dense(units)(x), name="small"), seed=units)


@pytest.fixture(scope="module")
def saved_model() -> keras.Model:
    return small_model()


@pytest.fixture
def path(tmp_path: Path, saved_model: keras.Model) -> Path:
    return write_keras_2(tmp_path / "weights.hdf5", saved_model)


def load(model: keras.Model, path: Path) -> None:
    assign_layers(model, read_layers(path), source=str(path))


def same(one: keras.Model, other: keras.Model) -> None:
    for got, want in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("root", ["/", "/model_weights"])
def test_layers_are_matched_by_order_whatever_their_names(tmp_path: Path, saved_model: keras.Model, root: str) -> None:
    model = small_model()
    model.set_weights([value + 1 for value in model.get_weights()])
    load(model, write_keras_2(tmp_path / "w.h5", saved_model, root=root))
    same(model, saved_model)


def test_what_keras_itself_saves_is_read(tmp_path: Path, saved_model: keras.Model) -> None:
    saved_model.save(tmp_path / "model.h5")
    model = small_model()
    load(model, tmp_path / "model.h5")
    same(model, saved_model)


def test_half_and_double_precision(path: Path, saved_model: keras.Model) -> None:
    with h5py.File(path, "r+") as file:
        for name, dtype in (("kernel:0", "f2"), ("bias:0", "f8")):
            (key,) = [key for key in names(file) if key.endswith(name) and "dense" in key]
            value = file[key][()]
            del file[key]
            file[key] = value.astype(dtype)
    model = small_model()
    load(model, path)
    for got, want in zip(model.get_weights(), saved_model.get_weights(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (small_model(units=2), r"dense.* has a kernel of \(4, 3\), not \(4, 2\)"),
        (small_model(bias=True), r"conv2d_\d+, for conv2d.*, has kernel, not kernel, bias"),
        (keras.Model((i := keras.Input((4,))), keras.layers.Dense(3)(i), name="other"), "does not fit other"),
    ],
)
def test_a_file_of_another_model_changes_nothing(path: Path, model: keras.Model, problem: str) -> None:
    before = model.get_weights()
    with pytest.raises(CheckpointError, match=problem) as caught:
        load(model, path)
    assert str(path) in str(caught.value)
    for got, want in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_layer_more_or_less(tmp_path: Path, saved_model: keras.Model) -> None:
    headless = keras.Model(saved_model.inputs, saved_model.layers[-2].output, name="headless")
    with pytest.raises(CheckpointError, match="headless: 4 layers with weights, not 3"):
        load(headless, write_keras_2(tmp_path / "a.h5", saved_model))
    with pytest.raises(CheckpointError, match="small: 3 layers with weights, not 4"):
        load(saved_model, write_keras_2(tmp_path / "b.h5", headless))


def names(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda key, item: found.append(key) if isinstance(item, h5py.Dataset) else None)
    return found


def replaced(file: h5py.File, value: Any) -> None:
    """Another thing in the place of the convolution's kernel."""
    (key,) = [key for key in names(file) if re.fullmatch(r"conv2d_\d+/.*kernel:0", key)]
    del file[key]
    file[key] = value


def declares_terabytes(file: h5py.File) -> None:
    (key,) = [key for key in names(file) if re.fullmatch(r"conv2d_\d+/.*kernel:0", key)]
    del file[key]
    file.create_dataset(key, (1 << 40,), "f4", chunks=(1 << 20,))


def from_a_raw_file(file: h5py.File) -> None:
    (key,) = [key for key in names(file) if re.fullmatch(r"conv2d_\d+/.*kernel:0", key)]
    del file[key]
    file.create_dataset(key, (3, 3, 3, 4), "f4", external=[(file.filename, 0, 432)])


def without_list(file: h5py.File) -> None:
    del file.attrs["layer_names"]


def list_of_numbers(file: h5py.File) -> None:
    file.attrs["layer_names"] = [1, 2]


def lacks_a_group(file: h5py.File) -> None:
    del file[file.attrs["layer_names"][1]]


SPOILED = {
    "no list of layers": (without_list, "has no list of layers"),
    "a list of numbers": (list_of_numbers, "damaged"),
    "a group lacks": (lacks_a_group, "damaged"),
    "not finite": (lambda file: replaced(file, np.full((3, 3, 3, 4), np.nan, "f4")), "finite real numbers"),
    "text": (lambda file: replaced(file, np.full((3, 3, 3, 4), b"x")), "finite real numbers"),
    "a reference": (
        lambda file: replaced(file, np.full((3, 3, 3, 4), file.ref, h5py.ref_dtype)),
        "finite real numbers",
    ),
    "a link to another file": (lambda file: replaced(file, h5py.ExternalLink("other.h5", "x")), "from another file"),
    "raw bytes of a file": (from_a_raw_file, "from another file"),
    "a broken link": (lambda file: replaced(file, h5py.SoftLink("/nowhere")), "damaged"),
    "terabytes": (declares_terabytes, "declares more numbers than it holds"),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_spoiled_files_are_one_line(path: Path, saved_model: keras.Model, spoil: str) -> None:
    with h5py.File(path.parent / "other.h5", "w") as other:
        other["x"] = np.zeros((3, 3, 3, 4), "f4")
    change, problem = SPOILED[spoil]
    with h5py.File(path, "r+") as file:
        change(file)
    before = saved_model.get_weights()
    with pytest.raises(CheckpointError, match=problem) as caught:
        load(saved_model, path)
    assert str(caught.value).count(str(path)) == 1
    assert "\n" not in str(caught.value)
    for got, want in zip(saved_model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.h5").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.h5 (is no HDF5 file|cannot be read|is damaged)"):
        read_layers(tmp_path / "w.h5")


def test_no_file_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        read_layers(tmp_path / "none.h5")
    with pytest.raises(CheckpointError, match="no HDF5 file"):
        read_layers(tmp_path)


def test_a_truncated_file(path: Path) -> None:
    content = path.read_bytes()
    for part in (0.3, 0.6, 0.9):
        path.write_bytes(content[: int(len(content) * part)])
        with pytest.raises(CheckpointError):
            read_layers(path)
