"""Where models lie on disk: base folders with one sub-folder for each version, `<name>/<version>/saved_model.pb`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tfiqa.errors import InvalidInput
from tfiqa.serving.server.status import invalid_argument

logger = logging.getLogger(__name__)

SAVED_MODEL_FILES: Final = ("saved_model.pb", "saved_model.pbtxt")
MAX_VERSION: Final = 2**63 - 1


@dataclass(frozen=True)
class VersionPolicy:
    """Chooses, from the versions on disk, those to be served.

    Args:
        choose: the choice.
        named: versions that it names one by one, hence expects on disk.
    """

    choose: Callable[[Collection[int]], set[int]]
    named: frozenset[int] = frozenset()

    def __call__(self, present: Collection[int]) -> set[int]:
        """The versions to be served out of those on disk."""
        return self.choose(present)


def latest_versions(count: int = 1) -> VersionPolicy:
    """The policy that serves the `count` highest versions; 0 counts as 1."""
    return VersionPolicy(lambda present: set(sorted(present)[-max(1, count) :]))


def specific_versions(versions: Collection[int]) -> VersionPolicy:
    """The policy that serves the versions named, as far as they are on disk."""
    named = frozenset(versions)
    return VersionPolicy(lambda present: set(named.intersection(present)), named)


def all_versions() -> VersionPolicy:
    """The policy that serves every version on disk."""
    return VersionPolicy(set)


@dataclass(frozen=True)
class ModelSource:
    """A model to serve.

    Args:
        name: what clients call it.
        base_path: the folder that holds its version folders.
        policy: which versions to serve.
        labels: version numbers by label, which clients may ask for instead of a number.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = field(default_factory=latest_versions)
    labels: Mapping[str, int] = field(default_factory=dict)

    def check_base_path(self) -> None:
        """Raises StatusError (INVALID_ARGUMENT) when the base folder is missing."""
        if not os.path.isdir(self.base_path):  # Path.is_dir() raises OSError when the path is too long, or out of reach
            raise invalid_argument(
                f"Could not find base path {self.base_path} for servable {self.name} "
                f"with error NOT_FOUND: {self.base_path} not found"
            )


def find_models(folder: str | os.PathLike[str]) -> list[ModelSource]:
    """The models under a folder that is either one model's base folder or holds several, sorted by name.

    Sub-folders that hold no version with a saved_model.pb are passed over.

    Raises:
        InvalidInput: no such folder, no model in it, or the folder is itself a version.
    """
    root = Path(os.path.abspath(folder))  # not resolve(): a link is served under its own name
    if not os.path.isdir(root):  # Path.is_dir() raises OSError when the path is too long, or out of reach
        raise InvalidInput(f"{folder} is not a folder; give a folder such as saved_models/ or saved_models/NAME")
    try:
        if is_saved_model(root):
            raise InvalidInput(f"{folder} is {_version_word(root.name)}; give its parent {root.parent} instead")
        bases = [root] if _is_base_folder(root) else sorted(filter(_is_base_folder, root.iterdir()))
    except OSError as error:
        raise InvalidInput(f"cannot look into {error.filename}: {error.strerror}") from error
    if not bases:
        raise InvalidInput(f"{folder} holds no model; expected {root}/NAME/1/saved_model.pb or {root}/1/saved_model.pb")
    return [ModelSource(base.name, base) for base in bases]


def version_folders(base_path: Path, warn: Callable[[str], None] = logger.warning) -> dict[int, Path]:
    """The version folders of a model by number; children whose name is no number are passed over.

    `warn` is told of two folders for one version. Raises OSError when the base folder cannot be read.
    """
    folders: dict[int, Path] = {}
    for child in sorted(base_path.iterdir()):
        number = _version_number(child.name)
        if number is None or not child.is_dir():
            continue
        if number in folders:
            warn(f"{folders[number]} and {child} are the same version; the first one is used")
            continue
        folders[number] = child
    return folders


class FolderWatch:
    """Reads the base folders of models again and again, and warns of what is odd once as long as it stays."""

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._stays: set[str] = set()

    def look(self, sources: Collection[ModelSource]) -> dict[str, dict[int, Path]] | None:
        """The version folders by model; None when a base folder cannot be read."""
        self._warned, self._stays = self._stays, set()
        try:
            return {source.name: version_folders(source.base_path, self.warn) for source in sources}
        except OSError as error:
            self.warn(f"cannot look into {error.filename}: {error.strerror}; keeping what is loaded")
            return None

    def warn(self, text: str) -> None:
        """Logs a warning unless it was one at the last look, too."""
        self._stays.add(text)
        if text not in self._warned:
            logger.warning("%s", text)


def _version_number(name: str) -> int | None:
    number = int(name) if name.isascii() and name.isdecimal() and len(name.lstrip("0")) < 20 else None
    return number if number is not None and number <= MAX_VERSION else None


def is_saved_model(folder: Path) -> bool:
    """Whether a folder holds a SavedModel's graph."""
    return any((folder / name).is_file() for name in SAVED_MODEL_FILES)


def _is_base_folder(folder: Path) -> bool:
    return folder.is_dir() and any(is_saved_model(version) for version in version_folders(folder).values())


def _version_word(name: str) -> str:
    if _version_number(name) is None:
        return "a SavedModel outside a version folder; move it to a folder such as NAME/1"
    return "the folder of one version"
