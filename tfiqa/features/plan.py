"""The plan of a run: everything that determines its result, on disk before the work begins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput, StorageError
from tfiqa.files import write_text

PLAN_FILE = "plan.json"
FEWEST_SHARDS = 64  # by default, as far as there are pictures: so many processors can share the work
DIGEST = "_sha256"  # how the settings end that mean a file or table
Item = TypeVar("Item")


@dataclass(frozen=True)
class Kind:
    """What a plan is for.

    Args:
        command: that makes and resumes it, such as "tfiqa extract weak-labels".
        format: in the plan's file.
        version: of the format.
        packages: whose versions can change the result.
    """

    command: str
    format: str
    version: int
    packages: tuple[str, ...]

    def versions(self) -> dict[str, str]:
        """Of the packages, as installed."""
        return {package: metadata.version(package) for package in self.packages}


@dataclass(frozen=True)
class Plan:
    """What is done and how it is divided.

    Args:
        settings: as chosen.
        manifest_sha256: of what the manifest says of the pictures. Where they lie does not enter, only how to each other.
        manifest: its file's name, which the shards' names begin with.
        pictures: in all, when nothing fails.
        shard_pictures: about so many in a shard.
        shards: how many.
        packages: versions.
    """

    settings: dict[str, Any]
    manifest_sha256: str
    manifest: str | None
    pictures: int
    shard_pictures: int
    shards: int
    packages: dict[str, str]

    def write(self, folder: Path, kind: Kind) -> None:
        """Writes the plan's file."""
        text = json.dumps({"format": kind.format, "version": kind.version, **asdict(self)}, indent=1)
        write_text(folder / PLAN_FILE, text + "\n")

    def check(self, folder: Path, kind: Kind) -> None:
        """Compares it with the plan in a folder.

        Raises:
            InvalidInput: that is another one; the text names the first difference.
            StorageError: it cannot be read.
        """
        path = folder / PLAN_FILE
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise InvalidInput(f"{path} is damaged: it is no JSON text") from error
        if not isinstance(begun, dict) or (begun.get("format"), begun.get("version")) != (kind.format, kind.version):
            raise InvalidInput(f"{path} is no plan of this version of `{kind.command}`")
        theirs = _flat(begun)
        for key, value in _flat(asdict(self)).items():
            if theirs.get(key) != value:
                is_digest = key.endswith(DIGEST)
                told = f"another {key.removesuffix(DIGEST)}" if is_digest else f"{key} {theirs.get(key)}, not {value}"
                raise InvalidInput(
                    f"{folder} was begun with {told}; resume it as it was begun, or choose another folder"
                )


def shard_size(wanted: int | None, pictures: int, *, most: int, fewest: int = 1) -> int:
    """About how many pictures a shard holds: `wanted`, or `most`, in small sets as few as it takes for FEWEST_SHARDS shards,
    but not under `fewest`. Raises InvalidInput for less than one."""
    if wanted is not None and wanted < 1:
        raise InvalidInput(f"the pictures of a shard are counted from 1. Received: {wanted}")
    return wanted or max(fewest, min(most, pictures // FEWEST_SHARDS))


def shard_names(manifest: Manifest, shards: int, otherwise: str) -> list[str]:
    """The shards' files, called after the manifest's file, or `otherwise` where it has none."""
    stem = manifest.path.stem if manifest.path else otherwise
    return [f"{stem}-{number:05}-of-{shards:05}.tfrecord" for number in range(shards)]


def refuse_odd_names(names: Sequence[str]) -> None:
    """Raises InvalidInput for names that are not UTF-8, which records cannot hold."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"a name that is not UTF-8 cannot go into records; rename {name!r}") from None


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries as one, the inner ones' keys by themselves."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= value if isinstance(value, dict) else {key: value}
    return flat
