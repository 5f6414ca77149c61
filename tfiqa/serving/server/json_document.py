"""Reading a request's body: Python's own parser first, a tolerant one for what that one refuses.

The language is RapidJSON's as TensorFlow Serving sets it: NaN, Inf and Infinity are numbers, text after the first
complete value is ignored, of repeated keys the first counts, a byte order mark is skipped, bytes that are no UTF-8 pass
through as they are, and nesting has no limit. A number beyond the range of a double is an error.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from tfiqa.serving.server.json_text import shortened_json
from tfiqa.serving.server.status import StatusError, invalid_argument

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|NaN|Inf(?:inity)?)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: Final = {"null": None, "true": True, "false": False}

# RapidJSON's reasons for what Python's string scanner finds wrong.
_STRING_REASONS: Final = {
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid control character": "Invalid encoding in string.",
    "Invalid \\uXXXX": "Incorrect hex digit after \\u escape in string.",
    "Invalid \\escape": "Invalid escape character in string.",
}


@dataclass(frozen=True)
class JsonDocument:
    """A parsed body.

    Args:
        body: the bytes received.
        members: the top-level object.
    """

    body: bytes
    members: dict[str, Any]

    def read_again(self) -> JsonDocument:
        """The same body by the tolerant parser, which is slower and finds numbers beyond the range of a double.

        Raises:
            StatusError: INVALID_ARGUMENT, for such a number.
        """
        return _document(self.body, _Parser(self.body).value())


def parse_document(body: bytes) -> JsonDocument:
    """Parses a request's body.

    Args:
        body: JSON text in UTF-8; its first value must be an object. Integer tokens become int, all other numbers float.

    Raises:
        StatusError: INVALID_ARGUMENT, with the reason and the offset in bytes.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    if b"\\ud" in body or b"\\uD" in body:  # Python takes half a surrogate pair for a character
        return _document(body, _Parser(body).value())
    try:
        text = str(body.removeprefix(BYTE_ORDER_MARK), "utf-8")
        value, _ = _FAST_DECODER.raw_decode(text, _end_of_space(text, 0))
    except (ValueError, RecursionError):
        value = _Parser(body).value()
    return _document(body, value)


def _document(body: bytes, value: Any) -> JsonDocument:
    if not isinstance(value, dict):
        raise invalid_argument(f"JSON Value: {shortened_json(value)} Is not object")
    return JsonDocument(body, value)


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        members = {}
        for name, value in pairs:
            members.setdefault(name, value)
    return members


_FAST_DECODER: Final = json.JSONDecoder(object_pairs_hook=_first_of_each)


def _end_of_space(text: str, start: int) -> int:
    found = _WHITE_SPACE.match(text, start)
    assert found is not None
    return found.end()


class _Parser:
    """The tolerant parser: keeps open containers on a list of its own, so that depth costs memory, not stack."""

    def __init__(self, body: bytes) -> None:
        self._skipped = len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0
        self._text = str(body[self._skipped :], "utf-8", "surrogateescape")
        self._at = 0

    def value(self) -> Any:
        """The first value in the text. Raises StatusError."""
        if not self._peek():
            raise self._error("The document is empty.")
        open_containers: list[tuple[list[Any] | dict[str, Any], str]] = []  # each with the name its next member goes by
        while True:
            value: Any = self._opened() if self._peek() in ("[", "{") else self._scalar()
            if isinstance(value, (list, dict)) and not self._closes(value):
                open_containers.append((value, self._next_name(value)))
                continue
            while open_containers:
                container, name = open_containers.pop()
                if isinstance(container, dict):
                    container.setdefault(name, value)
                else:
                    container.append(value)
                if self._peek() == ",":
                    self._at += 1
                    open_containers.append((container, self._next_name(container)))
                    break
                if not self._closes(container):
                    kind = "} after an object member" if isinstance(container, dict) else "] after an array element"
                    raise self._error(f"Missing a comma or {kind}.")
                value = container
            else:
                return value

    def _opened(self) -> list[Any] | dict[str, Any]:
        self._at += 1
        return {} if self._text[self._at - 1] == "{" else []

    def _closes(self, container: list[Any] | dict[str, Any]) -> bool:
        """Steps over the container's closing bracket if it comes next."""
        closed = self._peek() == ("}" if isinstance(container, dict) else "]")
        self._at += closed
        return closed

    def _next_name(self, container: list[Any] | dict[str, Any]) -> str:
        """Steps over the name and the colon before an object's member; a list's member has none."""
        if isinstance(container, list):
            return ""
        if self._peek() != '"':
            raise self._error("Missing a name for object member.")
        name = self._string()
        if self._peek() != ":":
            raise self._error("Missing a colon after a name of object member.")
        self._at += 1
        return name

    def _scalar(self) -> Any:
        if self._peek() == '"':
            return self._string()
        for word, value in _WORDS.items():
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return value
        return self._number()

    def _number(self) -> int | float:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            raise self._error("Invalid value.")
        token, number = found.group(), float(found.group())
        if math.isinf(number) and "I" not in token:
            raise self._error("Number too big to be stored in double.")
        self._at = found.end()
        return int(token) if token.removeprefix("-").isdecimal() else number

    def _string(self) -> str:
        start = self._at
        try:
            value, self._at = _FAST_DECODER.raw_decode(self._text, start)
        except json.JSONDecodeError as error:
            reasons = (reason for begin, reason in _STRING_REASONS.items() if error.msg.startswith(begin))
            raise self._error(next(reasons, "Invalid value.")) from error
        # Surrogates that the source does not hold come from an escape without its other half.
        if len(_SURROGATE.findall(value)) > len(_SURROGATE.findall(self._text[start : self._at])):
            self._at = start
            raise self._error("The surrogate pair in string is invalid.")
        return value

    def _peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        character = self._text[self._at : self._at + 1]
        if character.isspace():
            self._at = _end_of_space(self._text, self._at)
            character = self._text[self._at : self._at + 1]
        return character

    def _error(self, reason: str) -> StatusError:
        offset = self._skipped + len(self._text[: self._at].encode("utf-8", "surrogateescape"))
        return invalid_argument(f"JSON Parse error: {reason} at offset: {offset}")
