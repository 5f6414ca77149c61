"""`tfiqa distort`."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from tfiqa.cli.output import SOME_FAILED, ends_in, say, stream_rows

TABLE = "distorted.csv"
DECODED_AT_ONCE = 2  # pictures kept decoded while their versions are made
SHEET_ENDINGS = (".png", ".jpg", ".webp")
ALL = "all"


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option(
    "--type", "types", multiple=True, default=(ALL,), metavar="NAME|all", help="May be repeated; default: all."
)
@click.option(
    "--level", "levels", multiple=True, default=(ALL,), metavar="1..5|all", help="May be repeated; default: all."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random types.")
@click.option("--no-stretch", is_flag=True, help="Leave out KADID's contrast stretches before and after.")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    callback=ends_in(*SHEET_ENDINGS),
    help="One page of one picture: a row a type, a column a level.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Threads; by default one per processor.")
@click.pass_context
def distort(
    context: click.Context,
    paths: tuple[str, ...],
    output: Path | None,
    types: tuple[str, ...],
    levels: tuple[str, ...],
    seed: int,
    no_stretch: bool,
    sheet: Path | None,
    workers: int | None,
) -> None:
    """Distort pictures as KADID-10k does: 25 types (`tfiqa list distortions`), five levels.

    PATH is a picture, a folder (searched) or a pattern. Every version is written as OUTPUT/<name>_<type>_<level>.png, with
    KADID's two-digit numbers and in the subfolders of the pictures; OUTPUT/distorted.csv lists them with their references,
    as `tfiqa measure --pairs` takes them. The same seed makes the same pictures.

    Exit status 3 when some pictures failed; each of their rows tells why.
    """
    if output is None and sheet is None:
        raise click.UsageError("Give --output, --sheet or both.")
    names, numbers = _names(types), _levels(levels)

    from tfiqa.errors import InvalidInput
    from tfiqa.images.discovery import find_pictures
    from tfiqa.in_order import map_in_order

    pictures = find_pictures(paths)
    stems = _stems(pictures)
    versions = [(picture, name, level) for picture in pictures for name in names for level in numbers]
    targets = (
        [] if output is None else [_file(output, stems[picture], name, level) for picture, name, level in versions]
    )
    _refuse_overwriting(pictures, [*targets, *([sheet] if sheet else [])])
    if sheet is not None:
        if len(pictures) != 1:
            raise InvalidInput(f"--sheet shows one picture. Received: {len(pictures)}")

        from tfiqa.cli.distortion_sheet import draw_sheet

        try:
            draw_sheet(pictures[0], sheet, names=names, levels=numbers, seed=seed, stretch=not no_stretch)
        except InvalidInput as error:  # too small
            raise InvalidInput(f"{pictures[0]}: {error}") from None
        say(f"{sheet}: {len(names)} types at {len(numbers)} levels")
    if output is None:
        return
    version_of = _writer(output, stems, seed, stretch=not no_stretch)
    failed = stream_rows(
        str(output / TABLE),
        "csv",
        ["image", "reference", "distortion", "level", "seed", "error"],
        map_in_order(version_of, versions, workers or os.cpu_count() or 1),
        total=len(versions),
        unit="picture",
    )
    say(f"{output}: {len(versions) - failed} of {len(versions)} pictures; they are listed in {TABLE}")
    if failed:
        context.exit(SOME_FAILED)


def _names(types: Sequence[str]) -> list[str]:
    from tfiqa.distortions.levels import NAMES
    from tfiqa.errors import UnknownName
    from tfiqa.registry import unknown_name

    chosen = dict.fromkeys(name for one in types for name in (NAMES if one == ALL else (one,)))
    for name in chosen:
        if name not in NAMES:
            raise UnknownName(unknown_name("distortion", name, NAMES))
    return list(chosen)


def _levels(levels: Sequence[str]) -> list[int]:
    from tfiqa.distortions.levels import LEVELS

    known = {str(level): level for level in LEVELS}
    for level in levels:
        if level != ALL and level not in known:
            raise click.BadParameter(f"{level!r} is not one of {', '.join(known)}, {ALL}", param_hint="--level")
    return sorted({level for one in levels for level in (LEVELS if one == ALL else (known[one],))})


def _stems(pictures: Sequence[Path]) -> dict[Path, str]:
    """For each picture its path without suffix from the folder that holds all of them."""
    from tfiqa.errors import InvalidInput

    folder = os.path.commonpath([os.path.dirname(os.path.abspath(picture)) for picture in pictures])
    stems: dict[Path, str] = {}
    owners: dict[str, Path] = {}
    for picture in pictures:
        stem = os.path.splitext(os.path.relpath(os.path.abspath(picture), folder))[0]
        if stem in owners:
            raise InvalidInput(f"{owners[stem]} and {picture} would be written under one name; rename one of them")
        owners[stem] = picture
        stems[picture] = stem
    return stems


def _file(output: Path, stem: str, name: str, level: int) -> Path:
    from tfiqa.distortions.levels import NUMBERS

    return output / f"{stem}_{NUMBERS[name]:02}_{level:02}.png"


def _refuse_overwriting(pictures: Sequence[Path], targets: Sequence[Path]) -> None:
    """Raises InvalidInput where a picture that is read would be written: I01_10_01.png is also how a version is called."""
    import functools

    from tfiqa.errors import InvalidInput

    true_folder = functools.cache(os.path.realpath)  # targets are many, their folders few; links to files are replaced
    read = {os.path.realpath(picture) for picture in pictures}
    read |= {os.path.join(true_folder(picture.parent), picture.name) for picture in pictures}
    for target in targets:
        if os.path.join(true_folder(target.parent), target.name) in read:
            raise InvalidInput(f"{target} is one of the pictures to distort and would be overwritten; write elsewhere")


def _writer(
    output: Path, stems: dict[Path, str], seed: int, *, stretch: bool
) -> Callable[[tuple[Path, str, int]], dict[str, Any]]:
    """A function that makes and writes one version and gives its row."""
    import functools

    from PIL import Image

    from tfiqa import distortions
    from tfiqa.errors import InvalidInput, PictureError, StorageError
    from tfiqa.files import whole_file
    from tfiqa.images.decode import decode_picture

    decoded = functools.lru_cache(DECODED_AT_ONCE)(decode_picture)

    def write(version: tuple[Path, str, int]) -> dict[str, Any]:
        picture, name, level = version
        target = _file(output, stems[picture], name, level)
        file = target.relative_to(output).as_posix()
        reference = os.path.relpath(os.path.abspath(picture), os.path.abspath(output))
        row = {"image": file, "reference": reference, "distortion": name, "level": level, "seed": seed, "error": None}
        try:
            pixels = distortions.apply(name, decoded(picture), level, seed, stretch=stretch)
        except PictureError as error:
            return {**row, "error": str(error)}
        except InvalidInput as error:  # too small
            return {**row, "error": f"{picture}: {error}"}
        try:
            with whole_file(target) as temporary:
                Image.fromarray(pixels).save(temporary, "PNG", compress_level=1)
        except StorageError as error:
            if getattr(error.__cause__, "errno", None) != errno.ENAMETOOLONG:  # a full disk would fail all others, too
                raise
            return {**row, "error": str(error)}
        return row

    return write
