"""Names for the things users choose: models, databases, measures. Registration is by decorator, with metadata."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tfiqa.errors import InvalidInput, UnknownName

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A registered object with its name and metadata."""

    name: str
    value: T
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Registry(Generic[T]):
    """An ordered table of named objects of one kind.

    Args:
        kind: what the entries are, in the singular; used in error texts ("model", "database").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry[T]] = {}

    def register(self, name: str, **metadata: Any) -> Callable[[T], T]:
        """Decorator that enters an object under a name. Raises InvalidInput when the name is taken."""

        def enter(value: T) -> T:
            if name in self._entries:
                raise InvalidInput(f"{self.kind} {name!r} is registered already")
            self._entries[name] = Entry(name, value, metadata)
            return value

        return enter

    def get(self, name: str) -> Entry[T]:
        """The entry of that name. Raises UnknownName, with near names, when there is none."""
        if name not in self._entries:
            raise UnknownName(unknown_name(self.kind, name, self._entries))
        return self._entries[name]

    def names(self) -> tuple[str, ...]:
        """All names, in the order of registration."""
        return tuple(self._entries)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(self._entries.values())

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def unknown_name(kind: str, received: str, known: Iterable[str]) -> str:
    """The text of an unknown-name error: what was received, and the nearest known names (or all, if none is near)."""
    known = list(known)
    received = str(received)
    near = difflib.get_close_matches(received, known, n=3, cutoff=0.5)
    if near:
        return f"unknown {kind} {received!r}; did you mean {' or '.join(map(repr, near))}?"
    return f"unknown {kind} {received!r}; known: {', '.join(known) or 'none'}"
