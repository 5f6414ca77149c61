"""Checkpoints made to harm: nothing in them runs, and only CheckpointError comes out."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import (
    WRITERS,
    Called,
    Global,
    Storage,
    Tensor,
    pickled_object,
    refused,
    small_state,
    stream_bytes,
    tar_bytes,
    tensor,
    write,
    zip_bytes,
)

from tfiqa.errors import CheckpointError
from tfiqa.weights.torch_checkpoint import read_checkpoint, state_dict
from tfiqa.weights.torch_pickle import Placeholder

every_form = pytest.mark.parametrize("form", WRITERS)


@pytest.fixture(autouse=True)
def nothing_sprung(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Fails a test in which a hostile pickle got something run or imported: all of them make the file `sprung`."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sprung_trap.py").write_text("spring = lambda *arguments: open('sprung', 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "sprung").exists()
    assert "sprung_trap" not in sys.modules


COMMAND = b"S'touch sprung'\n"
EXPRESSION = b"S\"open('sprung', 'w').close()\"\n"
# Each leaves one object on the stack, made by calling what it names.
HOSTILE = {
    "REDUCE": b"cos\nsystem\n" + COMMAND + b"\x85R",
    "REDUCE of an import": b"csprung_trap\nspring\n)R",
    "STACK_GLOBAL": b"\x8c\x08builtins\x8c\x04eval\x93" + EXPRESSION + b"\x85R",
    "NEWOBJ": b"csprung_trap\nspring\n)\x81",
    "NEWOBJ_EX": b"csprung_trap\nspring\n)}\x92",
    "INST": b"(" + EXPRESSION + b"ibuiltins\neval\n",
    "OBJ": b"(cbuiltins\neval\n" + EXPRESSION + b"o",
    "EXT": b"\x82\x01)R",
    "BUILD": b"csprung_trap\nspring\n)R}X\x0c\x00\x00\x00__setstate__cos\nsystem\nsb",
    "BUILD of a class": b"ccollections\nOrderedDict\n}X\x0c\x00\x00\x00__setstate__cos\nsystem\nsb)R",
    "BUILD of slots": b"csprung_trap\nspring\n)RN}X\x01\x00\x00\x00aK\x01s\x86b",
    "getattr": b"cbuiltins\ngetattr\ncsprung_trap\nspring\nX\x08\x00\x00\x00__call__\x86R)R",
    "dotted name": b"\x8c\x0bcollections\x8c\x1bOrderedDict.__init__.x.eval\x93)R",
    "constructor of ours through a dunder": b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n)R",
}


@every_form
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_runs(tmp_path: Path, form: str, name: str) -> None:
    pickled = b"\x80\x04" + HOSTILE[name] + b"."
    found = read_checkpoint(write(tmp_path / "file.pt", WRITERS[form](pickled=pickled)))
    assert isinstance(found, Placeholder | dict)
    with pytest.raises(CheckpointError):
        state_dict(tmp_path / "file.pt")


def test_the_traps_spring_when_pickle_loads_them(tmp_path: Path) -> None:
    for name in ("REDUCE", "STACK_GLOBAL", "INST", "OBJ"):
        pickle.loads(b"\x80\x04" + HOSTILE[name] + b".")
        (tmp_path / "sprung").unlink()


@every_form
def test_nothing_runs_while_a_state_dict_is_read(tmp_path: Path, form: str) -> None:
    attack = Called(Global("os", "system"), ("touch sprung",), {"a": 1})
    obj = {"state_dict": small_state(), "extra": [attack, {"key": attack}], attack: 1}
    found = state_dict(write(tmp_path / "file.pt", WRITERS[form](obj)))
    np.testing.assert_array_equal(found["conv.weight"], np.arange(12).reshape(2, 6))


FLOAT64 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R(K\x03X\x01\x00\x00\x00<tb"
# Each is broken in one way; what it claims must be refused.
BROKEN = {
    "empty stack": b".",
    "REDUCE of nothing": b"R.",
    "REDUCE of a number": b"K\x01)R.",
    "REDUCE of a list": b"])R.",
    "REDUCE without a tuple": b"ccollections\nOrderedDict\nK\x01R.",
    "mark that is not there": b"e.",
    "unknown memo": b"h\x05.",
    "append to a tuple": b")K\x01a.",
    "item of a list": b"]K\x01K\x02s.",
    "odd number of items": b"}(K\x01u.",
    "add to a list": b"](K\x01\x90.",
    "unknown instruction": b"\xff.",
    "buffer outside": b"\x97.",
    "no end": b"K\x01",
    "huge text": b"X\xff\xff\xff\x7fabc.",
    "huge text of 8 bytes": b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "huge bytes of 8 bytes": b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.",
    "negative long": b"\x8b\xff\xff\xff\xffabc.",
    "number of too many digits": b"I" + b"9" * 5000 + b"\n.",
    "text that is no UTF-8": b"X\x02\x00\x00\x00\xff\xfe.",
    "name that is too long": b"c" + b"a" * 300 + b"\nb\n.",
    "name of two lines": b"\x8c\x03a\nb\x8c\x01c\x93)R.",
    "name that is a number": b"K\x01K\x02\x93.",
    "tensor of nothing": b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89NtR.",
    "tensor without arguments": b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "tensor of too many arguments": b"ctorch._utils\n_rebuild_tensor_v3\n(" + b"K\x01" * 20 + b"tR.",
    "dictionary of numbers": b"ccollections\nOrderedDict\n](K\x01e\x85R.",
    "bytes in another encoding": b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00rot\x86R.",
    "bytes of a list": b"c_codecs\nencode\n]X\x06\x00\x00\x00latin1\x86R.",
    "scalar that is too short": b"cnumpy.core.multiarray\nscalar\n" + FLOAT64 + b"C\x01a\x86R.",
    "array of more than its bytes": b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01J\xff\xff\xff\x7f\x85"
    + FLOAT64
    + b"\x89C\x08aaaaaaaatb.",
    "array of a negative size": b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01J\xff\xff\xff\xff\x85"
    + FLOAT64
    + b"\x89C\x08aaaaaaaatb.",
    "persistent number": b"K\x01Q.",
    "persistent text": b"Pstorage\n.",
    "persistent tuple of nothing": b")Q.",
    "persistent list": b"](X\x07\x00\x00\x00storageeQ.",
}


@every_form
@pytest.mark.parametrize("name", BROKEN)
def test_broken_pickles_are_refused(tmp_path: Path, form: str, name: str) -> None:
    refused(write(tmp_path / "file.pt", WRITERS[form](pickled=b"\x80\x02" + BROKEN[name])))


@pytest.mark.parametrize("form", ["zip", "stream"])
@pytest.mark.parametrize(
    "identity",
    [
        ("storage", Global("torch", "FloatStorage"), "0", "cpu"),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", -1),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", 2.0),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", True),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", 2**62),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", 10**30),
        ("storage", Global("torch", "FloatStorage"), "7", "cpu", 3),
        ("storage", Global("torch", "FloatStorage"), "../../etc/passwd", "cpu", 3),
        ("storage", Global("torch", "FloatStorage"), ["0"], "cpu", 3),
        ("storage", Global("torch", "QInt8Storage"), "0", "cpu", 3),
        ("storage", Global("os", "system"), "0", "cpu", 3),
        ("storage", "torch.FloatStorage", "0", "cpu", 3),
        ("file", Global("torch", "FloatStorage"), "0", "cpu", 3),
    ],
)
def test_references_to_no_storage_are_refused(tmp_path: Path, form: str, identity: Any) -> None:
    pickled = pickled_object(identity).removesuffix(b".") + b"Q."
    refused(write(tmp_path / "file.pt", WRITERS[form](pickled=pickled)))


@every_form
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (13,), (1,)),
        (1, (12,), (1,)),
        (12, (), ()),
        (0, (2, 7), (6, 1)),
        (0, (2,), (12,)),
        (2**62, (2,), (1,)),
        (0, (2,), (2**62,)),
        (0, (2**62, 2**62), (0, 0)),
        (0, (2**40,), (2**40,)),
        (0, (0, 2**62, 2**62), (1, 1, 1)),
        (-1, (2,), (1,)),
        (11, (3,), (-1,)),
        (0, (-2,), (1,)),
    ],
)
def test_tensors_never_leave_their_storage(
    tmp_path: Path, form: str, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    storage = Storage(np.arange(12, dtype=np.float32))
    refused(write(tmp_path / "file.pt", WRITERS[form](Tensor(storage, offset, size, stride))))


@pytest.mark.parametrize("form", ["zip", "stream"])
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (2, 2), (1,)),
        (0, 3, 1),
        (0, [2], [1]),
        (0, (2.0,), (1,)),
        (True, (2,), (1,)),
        (None, (2,), (1,)),
        (0, (1,) * 65, (1,) * 65),
    ],
)
def test_tensors_of_odd_sizes_are_refused(tmp_path: Path, form: str, offset: Any, size: Any, stride: Any) -> None:
    storage = Storage(np.arange(12, dtype=np.float32))
    refused(write(tmp_path / "file.pt", WRITERS[form](Tensor(storage, offset, size, stride))))


def test_parts_never_leave_their_storage(tmp_path: Path) -> None:
    for part in ((8, 3), (-1, 2), (2**62, 2), (0, -1)):
        storage = Storage(np.arange(10, dtype=np.float32), part=part)
        refused(write(tmp_path / "stream.pt", stream_bytes(Tensor(storage, 0, (1,), (1,)))))
        refused(write(tmp_path / "tar.pt", tar_bytes(tensor(np.zeros(10, np.float32)), parts=((0, 0, *part),))))


@every_form
def test_deep_nesting_ends_without_recursion(tmp_path: Path, form: str) -> None:
    depth = 200_000
    nested = b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."
    assert isinstance(read_checkpoint(write(tmp_path / "file.pt", WRITERS[form](pickled=nested))), list)
    tuples = b"\x80\x02}N" + b"\x85" * depth + b"K\x01s."
    assert len(read_checkpoint(write(tmp_path / "file.pt", WRITERS[form](pickled=tuples)))) == 1


@every_form
def test_a_key_that_would_hash_forever(tmp_path: Path, form: str) -> None:
    doubled = b"\x80\x02}K\x01" + b"2\x86" * 200 + b"K\x01s."
    assert len(read_checkpoint(write(tmp_path / "file.pt", WRITERS[form](pickled=doubled)))) == 1


def test_a_pickle_that_copies_itself_over_and_over(tmp_path: Path) -> None:
    text = b"c_codecs\nencode\nq\x000X\x40\x42\x0f\x00" + b"a" * 1_000_000 + b"q\x010]("
    bomb = text + b"h\x00h\x01X\x06\x00\x00\x00latin1\x86R" * 1000 + b"e."
    assert "expands" in refused(write(tmp_path / "file.pt", zip_bytes(pickled=b"\x80\x02" + bomb)))


def test_a_memo_of_huge_numbers_costs_nothing(tmp_path: Path) -> None:
    pickled = b"\x80\x02]r\xff\xff\xff\xff."
    assert read_checkpoint(write(tmp_path / "file.pt", zip_bytes(pickled=pickled))) == []


@every_form
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path, form: str) -> None:
    whole = WRITERS[form](
        {"state_dict": small_state(), "x": np.arange(3.0), "y": Called(Global("os", "system"), ("touch sprung",))}
    )
    rng = np.random.default_rng(1)
    path = tmp_path / "file.pt"
    texts = []
    for _ in range(400):
        content = bytearray(whole)
        for position in rng.integers(len(content), size=rng.integers(1, 4)):
            content[position] = rng.integers(256)
        write(path, bytes(content))
        try:
            state_dict(path)
        except CheckpointError as error:
            texts.append(str(error))
    assert len(texts) > 20
    assert all(str(path) in text and "\n" not in text for text in texts)
