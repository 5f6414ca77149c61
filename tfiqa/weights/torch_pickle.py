"""An interpreter of pickles that runs nothing.

Python's own unpickler imports and calls what the file names. This one walks the same instructions (decoded by the
standard library's `pickletools`) but keeps every name as inert text. Only the constructors that the caller hands in are
ever called; what else the file wants to build becomes a `Placeholder`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# Far above any model checkpoint (a ResNet-50 needs about 10 thousand); bounds time and memory on a hostile file.
MAX_INSTRUCTIONS = 10_000_000
# Longest "module.name" accepted. Real ones stay below 100 characters.
MAX_NAME_LENGTH = 256
# Constructors may copy their text and list arguments. A real pickle hands each over about once.
MAX_COPIES_OF_STREAM = 4

Constructors = Mapping[str, Callable[..., Any]]


class Stream(Protocol):
    """What the interpreter reads from: an open binary file, `io.BytesIO` or `mmap.mmap`."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle names, as text ("torch.FloatStorage"). It is never looked up."""

    path: str


@dataclass(frozen=True, slots=True, eq=False)
class Placeholder:
    """Stands for an object that was not rebuilt. Whatever the pickle puts into it is dropped.

    Attributes:
        path: the class or function that would have made it.
    """

    path: str


class Pending:
    """An object that is complete only when the pickle hands over its state."""

    def __init__(self) -> None:
        self.memo_keys: list[int] = []

    def finish(self, state: Any) -> Any:
        """The complete object. Raises ValueError or TypeError on a state that does not fit."""
        raise NotImplementedError


def load_pickle(
    stream: Stream, size: int, constructors: Constructors, load_persistent: Callable[[Any], Any] | None = None
) -> Any:
    """The object that the pickle at the stream's position describes; leaves the stream right behind it.

    Args:
        stream: where the pickle lies.
        size: length of the whole stream in bytes; bounds what the pickle may make constructors copy.
        constructors: functions by dotted name, called with the pickle's arguments, which they check themselves.
        load_persistent: turns a persistent id into an object.

    Raises:
        ValueError, TypeError, LookupError: the bytes are no well-formed pickle, or a constructor refused its arguments.
    """
    return _Machine(size, constructors, load_persistent).run(stream)


class _Machine:
    """The stack machine that a pickle is a program for. One use only."""

    def __init__(self, size: int, constructors: Constructors, load_persistent: Callable[[Any], Any] | None) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []  # heights of the stack
        self._memo: dict[int, Any] = {}
        self._constructors = constructors
        self._load_persistent = load_persistent
        self._copies_left = MAX_COPIES_OF_STREAM * size

    def run(self, stream: Stream) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):  # type: ignore[arg-type]
            if count >= MAX_INSTRUCTIONS:
                raise ValueError(f"more than {MAX_INSTRUCTIONS} pickle instructions")
            if opcode.name not in _HANDLERS:
                raise ValueError(f"unsupported pickle instruction {opcode.name}")
            _HANDLERS[opcode.name](self, argument)
        return self._stack.pop()  # genops ends right behind STOP, and raises ValueError when the stream ends before it

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ValueError("the pickle's stack is empty too early")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        height = self._marks.pop()
        items = self._stack[height:]
        del self._stack[height:]
        return items

    def _mark(self, _: None) -> None:
        self._marks.append(len(self._stack))

    def _drop(self, _: None) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._stack.pop()

    def _remember(self, key: int | None) -> None:
        key = len(self._memo) if key is None else key
        value = self._stack[-1]
        if isinstance(value, Pending):
            value.memo_keys.append(key)
        self._memo[key] = value

    def _name(self, module_and_name: str) -> None:
        self._push(_checked_name(*module_and_name.split(" ", 1)))

    def _reduce(self, _: None) -> None:
        function, arguments = self._pop(2)
        self._push(self._call(function, arguments))

    def _new_with_keywords(self, _: None) -> None:
        function, _arguments, _keywords = self._pop(3)
        self._push(Placeholder(_path(function)))

    def _instance(self, module_and_name: str) -> None:
        arguments = tuple(self._pop_to_mark())
        self._name(module_and_name)
        self._push(self._call(self._stack.pop(), arguments))

    def _object(self, _: None) -> None:
        function, *arguments = self._pop_to_mark()
        self._push(self._call(function, tuple(arguments)))

    def _call(self, function: Any, arguments: Any) -> Any:
        path = _path(function)
        if path not in self._constructors or isinstance(function, Placeholder):
            return Placeholder(path)
        if not isinstance(arguments, tuple):
            raise ValueError("the pickle calls something without an argument tuple")
        self._copies_left -= sum(len(argument) for argument in arguments if isinstance(argument, str | bytes | list))
        if self._copies_left < 0:
            raise ValueError("the pickle expands to much more than it holds")
        return self._constructors[path](*arguments)

    def _build(self, _: None) -> None:
        target, state = self._pop(2)
        if isinstance(target, Pending):
            value = target.finish(state)
            for key in target.memo_keys:
                self._memo[key] = value
            target = value
        self._push(target)  # the state of anything else (an OrderedDict's `_metadata`, a Placeholder's) is dropped

    def _extend_top(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Placeholder):
            raise ValueError("the pickle appends to something that is no list")

    def _add_to_top(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, set):
            target.update(map(as_key, items))
        elif not isinstance(target, Placeholder):
            raise ValueError("the pickle adds to something that is no set")

    def _update_top(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            target.update(_as_dict(items))
        elif not isinstance(target, Placeholder):
            raise ValueError("the pickle sets items of something that is no dictionary")

    def _persistent(self, identity: str | None) -> None:
        if self._load_persistent is None:
            raise ValueError("the pickle refers to data outside itself")
        self._push(self._load_persistent(self._stack.pop() if identity is None else identity))


def _checked_name(module: Any, name: Any) -> Name:
    if isinstance(module, str) and isinstance(name, str) and len(module) + len(name) < MAX_NAME_LENGTH:
        path = f"{module}.{name}"
        if path.isprintable():
            return Name(path)
    raise ValueError("the pickle names a class or function in no proper way")


def _path(function: Any) -> str:
    if not isinstance(function, Name | Placeholder):
        raise ValueError("the pickle calls something that is neither a class nor a function")
    return function.path


def _as_dict(items: list[Any]) -> dict[Any, Any]:
    return {as_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def as_key(key: Any) -> Any:
    """The key itself if it hashes in constant time. Hashing deeply shared tuples or huge integers can take forever."""
    plain = isinstance(key, _PLAIN_KEYS) or (isinstance(key, int) and key.bit_length() <= 64)
    flat = isinstance(key, tuple) and len(key) <= 16 and all(isinstance(item, _PLAIN_KEYS) for item in key)
    return key if plain or flat else Placeholder(f"{type(key).__name__} as a key")


_PLAIN_KEYS = (str, bytes, float, bool, type(None), Name, Placeholder)

# By the instructions' names in `pickletools`. Buffers outside the stream (protocol 5) are not supported.
_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, argument: None),
    **dict.fromkeys(("NONE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), _Machine._push),
    **dict.fromkeys(("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE"), _Machine._push),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _Machine._push),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"), _Machine._push),
    "NEWTRUE": lambda machine, _: machine._push(True),
    "NEWFALSE": lambda machine, _: machine._push(False),
    "EMPTY_TUPLE": lambda machine, _: machine._push(()),
    "EMPTY_LIST": lambda machine, _: machine._push([]),
    "EMPTY_DICT": lambda machine, _: machine._push({}),
    "EMPTY_SET": lambda machine, _: machine._push(set()),
    "TUPLE1": lambda machine, _: machine._push(tuple(machine._pop(1))),
    "TUPLE2": lambda machine, _: machine._push(tuple(machine._pop(2))),
    "TUPLE3": lambda machine, _: machine._push(tuple(machine._pop(3))),
    "TUPLE": lambda machine, _: machine._push(tuple(machine._pop_to_mark())),
    "LIST": lambda machine, _: machine._push(machine._pop_to_mark()),
    "DICT": lambda machine, _: machine._push(_as_dict(machine._pop_to_mark())),
    "FROZENSET": lambda machine, _: machine._push(frozenset(map(as_key, machine._pop_to_mark()))),
    "APPEND": lambda machine, _: machine._extend_top(machine._pop(1)),
    "APPENDS": lambda machine, _: machine._extend_top(machine._pop_to_mark()),
    "SETITEM": lambda machine, _: machine._update_top(machine._pop(2)),
    "SETITEMS": lambda machine, _: machine._update_top(machine._pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine._add_to_top(machine._pop_to_mark()),
    "MARK": _Machine._mark,
    "POP": _Machine._drop,
    "POP_MARK": lambda machine, _: machine._pop_to_mark().clear(),
    "DUP": lambda machine, _: machine._push(machine._stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine._remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, key: machine._push(machine._memo[key])),
    "GLOBAL": _Machine._name,
    "STACK_GLOBAL": lambda machine, _: machine._push(_checked_name(*machine._pop(2))),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), lambda machine, code: machine._push(Name(f"copyreg extension {code}"))),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _Machine._reduce),
    "NEWOBJ_EX": _Machine._new_with_keywords,
    "INST": _Machine._instance,
    "OBJ": _Machine._object,
    "BUILD": _Machine._build,
    **dict.fromkeys(("PERSID", "BINPERSID"), _Machine._persistent),
}
