"""Which pictures a run can use: each is decoded once, and its size compared with what the recipe takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from tfiqa.databases.box_rows import box_rows
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.picture_check import PictureCheck, check_pictures
from tfiqa.errors import InvalidInput
from tfiqa.images.resize import parse_policy
from tfiqa.pipelines.records.packed_picture import PackedPicture, Source, check_packed
from tfiqa.training.learning_boxes import box_error
from tfiqa.training.recipe import Recipe
from tfiqa.training.too_large import is_for_testing, size_error

Progress = Callable[[int, int], None]


def check_sources(
    sources: Sequence[Source], recipe: Recipe, previous: Path | None, progress: Progress | None
) -> pd.DataFrame:
    """Decodes each picture and compares its size with what training takes.

    Args:
        sources: files or packed pictures.
        recipe: says how large a picture must be.
        previous: a table of an earlier check; files unchanged in size and time are taken from it.
        progress: called with (done, all).

    Returns:
        One row a picture: path, bytes, modified, width, height, sha256, needs_pillow, error.
    """
    known: dict[tuple[str, int, int], dict[str, Any]] = {}
    if previous is not None and previous.is_file():
        table = pd.read_csv(previous, dtype={"path": str, "sha256": str, "error": str})
        table["error"] = table["error"].astype(object).where(table["error"].notna(), None)
        known = {(row["path"], row["bytes"], row["modified"]): _named(row) for row in table.to_dict("records")}
    stamps = [_stamp(source) for source in sources]
    fresh = [source for source, stamp in zip(sources, stamps, strict=True) if (str(source), *stamp) not in known]
    packed = [source for source in fresh if isinstance(source, PackedPicture)]
    files = [Path(source) for source in fresh if not isinstance(source, (PackedPicture, bytes))]
    checked = [
        *check_pictures(files, max_pixels=recipe.data.max_pixels, progress=progress),
        *check_packed(packed, max_pixels=recipe.data.max_pixels, progress=progress),
    ]
    found = {str(check.path): check for check in checked}
    return pd.DataFrame(
        [
            known.get((str(source), *stamp)) or _row(found[str(source)], stamp, recipe)
            for source, stamp in zip(sources, stamps, strict=True)
        ],
        dtype=object,  # so that None stays None beside texts
    )


def held_out_errors(manifest: Manifest, checks: pd.DataFrame, recipe: Recipe) -> list[str | None]:
    """What is wrong with each picture, for the split that it is in and with its boxes; `checks` as `check_sources` gives them."""
    boxes = box_rows(manifest)[0] if recipe.data.boxes else None
    resizes = {"validation": recipe.validation.resize or recipe.scoring_resize, "test": recipe.scoring_resize}
    held_out = {split: replace(recipe.spec.protocol, resize=resize) for split, resize in resizes.items()}
    errors: list[str | None] = []
    for place, check in enumerate(checks.to_dict("records")):
        error, split = check["error"], check["split"]
        if error is None:
            size = int(check["height"]), int(check["width"])
            reason = size_error(held_out[split].count, *size) if split in held_out else None
            if reason is None and boxes is not None:
                reason = box_error(boxes[place], *size, recipe, trains=split == "train")
            error = reason and f"{check['path']}: {reason}"
        errors.append(error)
    return errors


def _named(row: dict[Hashable, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _row(check: PictureCheck, stamp: tuple[int, int], recipe: Recipe) -> dict[str, Any]:
    error = check.error
    if check.height is not None and check.width is not None and not is_for_testing(recipe, check.height, check.width):
        policy = parse_policy(recipe.training_resize)
        try:
            height, width = policy.output_size(check.height, check.width)
            rows, columns = recipe.data.crop_size
            if height < rows or width < columns:
                error = f"{check.path}: {width}x{height} pixels, too small for crops of {columns}x{rows}"
        except InvalidInput as refusal:
            error = f"{check.path}: {refusal}"
    values = {**asdict(check), "path": str(check.path), "bytes": stamp[0], "modified": stamp[1], "error": error}
    values.pop("ok")
    return values


def _stamp(source: Source) -> tuple[int, int]:
    """Size in bytes and time of change of the file that a picture is in."""
    assert not isinstance(source, bytes)
    try:
        status = os.stat(source.shard if isinstance(source, PackedPicture) else source)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
