"""Scores of a competition's models, kept as CSV while they are made."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfiqa.cli.output import say

if TYPE_CHECKING:
    from tfiqa.serving.scorer import Scorer

COLUMNS = ("path", "quality", "scale_direction", "error")
DIGEST_LENGTH = 12  # hexadecimal digits of the model's SHA-256


def model_scores(name: str, scorer: Scorer, pictures: Sequence[Path], folder: Path) -> tuple[list[float], list[str]]:
    """Scores pictures with a model, row by row into a CSV file, which is a score file.

    The file's name has a digest of the model's files, so that the scores of another model are never taken for this one's.
    Pictures that the file has scores of already are not scored again; those that failed are.

    Args:
        name: the player's.
        scorer: the model.
        pictures: files.
        folder: of the CSV file.

    Returns:
        A score a picture, NaN where it failed, and the errors.

    Raises:
        InvalidInput: the model gives no quality.
        StorageError: the system refuses.
    """
    from tqdm import tqdm

    from tfiqa.errors import InvalidInput
    from tfiqa.files import storage_errors

    if "quality" not in scorer.columns:
        raise InvalidInput(f"{scorer.source} gives no quality; it gives {', '.join(scorer.columns)}")
    file = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{_digest(scorer.source)}.csv"
    direction = "higher" if scorer.info.scale is None or scorer.info.scale.higher_is_better else "lower"
    known = _scored(file)
    remaining = [path for path in pictures if os.fspath(path) not in known]
    if known:
        say(f"{name}: {len(pictures) - len(remaining)} of {len(pictures)} pictures are scored already ({file})")
    errors = []
    with storage_errors(file):
        folder.mkdir(parents=True, exist_ok=True)
        with open(file, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((path, score, direction, None) for path, score in known.items())
            for row in tqdm(
                scorer.rows(remaining), total=len(remaining), unit="picture", desc=name, disable=None, leave=False
            ):
                writer.writerow((row["path"], row["quality"], direction, row["error"]))
                stream.flush()
                if row["error"] is None:
                    known[row["path"]] = row["quality"]
                else:
                    errors.append(row["error"])
    return [known.get(os.fspath(path), float("nan")) for path in pictures], errors


def _scored(file: Path) -> dict[str, float]:
    """Path and score of each whole row of a file that has a score; none without the file."""
    if not file.is_file():
        return {}
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    whole = text[: text.rfind("\n") + 1]  # a process that was killed may have left half a row
    return {row["path"]: float(row["quality"]) for row in csv.DictReader(io.StringIO(whole)) if row["quality"]}


def _digest(model: Path) -> str:
    """The beginning of the SHA-256 of a model's file, or of all files of its folder in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(path for path in model.rglob("*") if path.is_file()) if model.is_dir() else [model]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:DIGEST_LENGTH]
