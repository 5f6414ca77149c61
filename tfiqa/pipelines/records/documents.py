"""The JSON files of a packed folder, each with the format's name and version at its head."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tfiqa.errors import DatabaseLayoutError
from tfiqa.files import write_text

FORMAT_NAME = "tfiqa records"
VERSION = 1  # of the layout: what a reader must know to read it rightly
Content = TypeVar("Content")


def write_document(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a document whole or not at all."""
    document = {"format": FORMAT_NAME, "version": VERSION, **values}
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def read_document(path: Path, build: Callable[[dict[str, Any]], Content]) -> Content:
    """What `build` makes of a document.

    Raises:
        DatabaseLayoutError: no such file, another format or version, or a content that `build` cannot take.
    """
    folder = path.parent
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DatabaseLayoutError(
            f"{folder} is no folder that `tfiqa data pack` wrote: it has no {path.name}"
        ) from None
    except OSError as error:
        raise DatabaseLayoutError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise DatabaseLayoutError(f"{path} is damaged: it is no JSON text") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT_NAME:
        raise DatabaseLayoutError(f"{path} is not of the format {FORMAT_NAME!r}")
    if document.get("version") != VERSION:
        raise DatabaseLayoutError(
            f"{path} is of version {document.get('version')!r}; this tfiqa reads version {VERSION}"
        )
    try:
        return build(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatabaseLayoutError(f"{path} is damaged: {type(error).__name__} {error}") from error
