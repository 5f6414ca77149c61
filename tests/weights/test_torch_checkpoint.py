"""Checkpoints that are what they should be, in all three serialisations."""

from __future__ import annotations

import lzma
import subprocess
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from torch_files import (
    WRITERS,
    Called,
    Global,
    Storage,
    Tensor,
    parameter,
    stream_bytes,
    tar_bytes,
    tensor,
    write,
    zip_bytes,
)

from tfiqa.errors import CheckpointError
from tfiqa.weights.torch_checkpoint import read_checkpoint, state_dict
from tfiqa.weights.torch_pickle import Placeholder

PARITY = Path(__file__).resolve().parents[2] / "../shared/parity/open"

every_form = pytest.mark.parametrize("form", WRITERS)


def read(tmp_path: Path, form: str, obj: Any) -> Any:
    return read_checkpoint(write(tmp_path / "file.pt", WRITERS[form](obj)))


def normal(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@every_form
@pytest.mark.parametrize(
    "dtype",
    [
        np.float32,
        np.float64,
        np.float16,
        ml_dtypes.bfloat16,
        np.int64,
        np.int32,
        np.int16,
        np.int8,
        np.uint8,
        np.complex64,
    ],
)
def test_every_element_type_comes_back_bit_by_bit(tmp_path: Path, form: str, dtype: Any) -> None:
    expected = (normal(3, 5) * 50).astype(dtype)
    found = read(tmp_path, form, {"x": tensor(expected)})["x"]
    assert found.dtype == expected.dtype
    assert found.shape == (3, 5)
    assert found.tobytes() == expected.tobytes()


@every_form
def test_booleans(tmp_path: Path, form: str) -> None:
    np.testing.assert_array_equal(read(tmp_path, form, tensor([[True, False, True]])), [[True, False, True]])


@every_form
def test_views_of_one_storage_honour_offset_and_stride(tmp_path: Path, form: str) -> None:
    base = np.arange(24, dtype=np.float32)
    storage = Storage(base, "cuda:0")
    found = read(
        tmp_path,
        form,
        {
            "all": Tensor(storage, 0, (2, 3, 4), (12, 4, 1)),
            "transposed": Tensor(storage, 0, (4, 6), (1, 4)),
            "every second": Tensor(storage, 1, (12,), (2,)),
            "last": Tensor(storage, 23, (), ()),
            "expanded": Tensor(storage, 5, (3, 2), (0, 1)),
            "overlapping": Tensor(storage, 2, (4, 4), (2, 1)),
            "none": Tensor(storage, 0, (3, 0, 2), (0, 2, 1)),
            "one": Tensor(storage, 4, (1, 2, 1), (2**62, 3, 2**62)),
        },
    )
    np.testing.assert_array_equal(found["all"], base.reshape(2, 3, 4))
    np.testing.assert_array_equal(found["transposed"], base.reshape(6, 4).T)
    np.testing.assert_array_equal(found["every second"], base[1::2])
    np.testing.assert_array_equal(found["last"], np.float32(23))
    np.testing.assert_array_equal(found["expanded"], np.tile(base[5:7], (3, 1)))
    np.testing.assert_array_equal(found["overlapping"], [base[i : i + 4] for i in (2, 4, 6, 8)])
    assert found["none"].shape == (3, 0, 2)
    np.testing.assert_array_equal(found["one"], base[[4, 7]].reshape(1, 2, 1))
    assert np.shares_memory(found["all"], found["transposed"])


@every_form
def test_tensors_are_read_only(tmp_path: Path, form: str) -> None:
    found = read(tmp_path, form, tensor(normal(4)))
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


@every_form
def test_training_checkpoint_with_all_sorts_of_objects(tmp_path: Path, form: str) -> None:
    weights = normal(2, 3)
    history = np.arange(3.0)
    found = read(
        tmp_path,
        form,
        {
            "epoch": 7,
            "state_dict": OrderedDict(weight=tensor(weights), bias=parameter(weights[0])),
            "optimizer": Called(Global("torch.optim.adam", "Adam"), (), {"state": {1: tensor(weights)}}),
            "args": Called(Global("argparse", "Namespace"), (), {"lr": 0.1}),
            "loss": np.float64(0.25),
            "history": history,
            "big-endian history": history.astype(">f4"),
            "columns": np.asfortranarray(weights),
            "objects": np.array(["a", None], object),
            "defaults": Called(Global("collections", "defaultdict"), (Global("builtins", "list"),)),
            "size": Called(Global("torch", "Size"), ((2, 3),)),
            "text": "é",
            "bytes": b"\xff\x00",
            "number": -(2**70),
            "nothing": None,
            "set": {1, 2},
        },
    )
    assert found["epoch"] == 7
    np.testing.assert_array_equal(found["state_dict"]["weight"], weights)
    np.testing.assert_array_equal(found["state_dict"]["bias"], weights[0])
    assert found["optimizer"].path == "torch.optim.adam.Adam"
    assert found["args"].path == "argparse.Namespace"
    assert found["loss"] == 0.25
    np.testing.assert_array_equal(found["history"], history)
    np.testing.assert_array_equal(found["big-endian history"], history)
    np.testing.assert_array_equal(found["columns"], weights)
    assert isinstance(found["objects"], Placeholder)
    assert (found["defaults"], found["size"], found["text"], found["bytes"]) == ({}, (2, 3), "é", b"\xff\x00")
    assert (found["number"], found["nothing"]) == (-(2**70), None)


@every_form
def test_an_array_met_twice_is_whole_both_times(tmp_path: Path, form: str) -> None:
    history = np.arange(3.0)
    for array in read(tmp_path, form, [history, history]):
        np.testing.assert_array_equal(array, np.arange(3.0))


@every_form
def test_parameters_of_the_first_torch_versions(tmp_path: Path, form: str) -> None:
    values = normal(2, 2)
    kind = Global("torch.nn.parameter", "Parameter")
    found = read(
        tmp_path,
        form,
        {
            "as argument": Called(kind, (tensor(values),), (True, False, OrderedDict())),
            "as state": Called(kind, (), (tensor(values), None, OrderedDict(), True, False)),
            "protocol 1": Called(Global("copy_reg", "__newobj__"), (kind, tensor(values)), (True, False, None)),
        },
    )
    for name, array in found.items():
        np.testing.assert_array_equal(array, values, err_msg=name)


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_stream_in_every_pickle_protocol(tmp_path: Path, protocol: int) -> None:
    values = normal(3, 4)
    path = write(tmp_path / "file.pt", stream_bytes({"a.weight": tensor(values, "cuda:0")}, protocol=protocol))
    np.testing.assert_array_equal(state_dict(path)["a.weight"], values)


def test_stream_with_a_part_of_a_storage(tmp_path: Path) -> None:
    storage = Storage(np.arange(10, dtype=np.float32), part=(4, 3))
    path = write(tmp_path / "file.pt", stream_bytes(Tensor(storage, 1, (2,), (1,), "_rebuild_tensor")))
    np.testing.assert_array_equal(read_checkpoint(path), [5, 6])


def test_tar_with_a_part_of_a_storage(tmp_path: Path) -> None:
    first, second = tensor(np.arange(6, dtype=np.float32)), tensor(np.zeros(2, np.float32))
    path = write(tmp_path / "file.pt", tar_bytes([first, second], parts=((1, 0, 3, 2),)))
    np.testing.assert_array_equal(read_checkpoint(path)[1], [3, 4])


def test_python_2_dictionary_and_array(tmp_path: Path) -> None:
    dtype = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01K\x02\x85" + dtype + b"\x89U\x08" + np.array([1.5, -200], "<f4").tobytes() + b"t"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR" + state + b"b"
    pairs = b"](](U\x01aK\x01e](U\x01b" + array + b"ee\x85"
    pickled = b"\x80\x02ccollections\nOrderedDict\n" + pairs + b"R."
    found = read_checkpoint(write(tmp_path / "file.pt", stream_bytes(pickled=pickled)))
    assert found["a"] == 1
    np.testing.assert_array_equal(found["b"], [1.5, -200])


@pytest.mark.parametrize("root", ["archive", "BL_release", "a/b"])
def test_zip_with_any_root(tmp_path: Path, root: str) -> None:
    path = write(tmp_path / "file.pt", zip_bytes({"x": tensor(normal(2))}, root=root))
    np.testing.assert_array_equal(state_dict(path)["x"], normal(2))


def test_zip_of_a_big_endian_machine(tmp_path: Path) -> None:
    path = write(tmp_path / "file.pt", zip_bytes({"x": tensor(normal(5)), "n": tensor([1, 2])}, byteorder="big"))
    np.testing.assert_array_equal(state_dict(path)["x"], normal(5))
    np.testing.assert_array_equal(state_dict(path)["n"], [1, 2])


def test_zip_without_byte_order_record(tmp_path: Path) -> None:
    path = write(tmp_path / "file.pt", zip_bytes({"x": tensor(normal(5))}, byteorder=None))
    np.testing.assert_array_equal(state_dict(path)["x"], normal(5))


def test_types_without_storage_class(tmp_path: Path) -> None:
    raw = Storage(np.arange(3, dtype="<u2").view(np.uint8), kind=Global("torch.storage", "UntypedStorage"))
    kind = Called(Global("torch._utils", "_rebuild_tensor_v3"))
    kind.arguments = (raw, 1, (2,), (1,), False, OrderedDict(), Global("torch", "uint16"))
    path = write(tmp_path / "file.pt", zip_bytes({"x": kind}))
    np.testing.assert_array_equal(state_dict(path)["x"], np.array([1, 2], np.uint16))
    with pytest.raises(CheckpointError, match="big-endian"):
        read_checkpoint(write(path, zip_bytes({"x": kind}, byteorder="big")))


@pytest.mark.parametrize("form", ["zip", "stream"])
def test_a_conjugated_tensor_is_not_taken_for_a_plain_one(tmp_path: Path, form: str) -> None:
    storage = Storage(np.ones(2, np.complex64))
    conjugated = Called(Global("torch._utils", "_rebuild_tensor_v2"))
    conjugated.arguments = (storage, 0, (2,), (1,), False, OrderedDict(), {"conj": True})
    assert isinstance(read(tmp_path, form, conjugated), Placeholder)


@every_form
@pytest.mark.parametrize("container", ["state_dict", "model_state_dict", "model", "net", "params", None])
def test_state_dict_is_found_in_the_usual_containers(tmp_path: Path, form: str, container: str | None) -> None:
    bare = OrderedDict({"conv.weight": tensor(normal(2)), "bn.num_batches_tracked": tensor(np.int64(5))})
    obj = bare if container is None else {"epoch": 1, "accuracy": tensor(normal(1)), container: bare}
    found = state_dict(write(tmp_path / "file.pt", WRITERS[form](obj)))
    assert list(found) == ["conv.weight", "bn.num_batches_tracked"]
    np.testing.assert_array_equal(found["conv.weight"], normal(2))
    assert found["bn.num_batches_tracked"] == 5


def test_state_dict_in_a_container_in_a_container(tmp_path: Path) -> None:
    path = write(tmp_path / "file.pt", zip_bytes({"model": {"state_dict": {"x": tensor(normal(2))}, "name": "a"}}))
    assert list(state_dict(path)) == ["x"]


def test_module_prefix_goes_only_when_all_have_it(tmp_path: Path) -> None:
    both = {"module.a": tensor(normal(2)), "module.b.c": tensor(normal(3))}
    assert list(state_dict(write(tmp_path / "file.pt", zip_bytes(both)))) == ["a", "b.c"]
    mixed = {"module.a": tensor(normal(2)), "b": tensor(normal(3))}
    assert list(state_dict(write(tmp_path / "file.pt", zip_bytes(mixed)))) == ["module.a", "b"]


@every_form
@pytest.mark.parametrize("container", [None, "model"])
def test_a_whole_pickled_module_is_refused_by_name(tmp_path: Path, form: str, container: str | None) -> None:
    module = Called(Global("net.resnet", "ResNet"), (), {"training": False})
    path = write(tmp_path / "file.pt", WRITERS[form](module if container is None else {container: module}))
    with pytest.raises(CheckpointError, match=r"whole pickled object \(net\.resnet\.ResNet\).*state_dict\(\)"):
        state_dict(path)


def test_a_class_with_its_source_in_an_older_stream(tmp_path: Path) -> None:
    pickled = b"\x80\x02(U\x06modulecnet\nNet\nU\x06net.pyU\x04codetQ)\x81}b."
    with pytest.raises(CheckpointError, match=r"whole pickled object \(net\.Net\)"):
        state_dict(write(tmp_path / "file.pt", stream_bytes(pickled=pickled)))


@pytest.mark.parametrize("obj", [{"epoch": 1, "args": "x"}, {}, [1], 3, {1: tensor(normal(2))}])
def test_no_state_dict(tmp_path: Path, obj: Any) -> None:
    with pytest.raises(CheckpointError, match="no state dict"):
        state_dict(write(tmp_path / "file.pt", zip_bytes(obj)))


@every_form
def test_a_large_file_is_not_copied(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "file.pt", WRITERS[form]({"x": tensor(np.zeros(1 << 20, np.float32))}))
    tracemalloc.start()
    found = state_dict(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["x"].nbytes == 4 << 20
    assert peak < 1 << 20


def test_needs_neither_torch_nor_tensorflow_nor_keras(tmp_path: Path) -> None:
    path = write(tmp_path / "file.pt", zip_bytes({"x": tensor(normal(2))}))
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['torch', 'tensorflow', 'keras']))\n"
        "from tfiqa.weights import imagenet, state_dict, torch_checkpoint\n"
        f"assert list(torch_checkpoint.state_dict({str(path)!r})) == ['x']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_published_kind_of_file(tmp_path: Path) -> None:
    packed = PARITY / "backbone_resnet18" / "resnet18.pth.xz"
    if not packed.is_file():
        pytest.skip(f"{packed} is not here")
    path = write(tmp_path / "resnet18.pth", lzma.decompress(packed.read_bytes()))
    found = state_dict(path)
    assert len(found) == 122
    assert found["layer4.1.conv2.weight"].shape == (512, 512, 3, 3)
    with zipfile.ZipFile(path) as archive:
        records = {info.filename.split("/", 1)[1]: info for info in archive.infolist()}
        first = archive.read(records["data/0"])
    assert found["conv1.weight"].tobytes() == first
