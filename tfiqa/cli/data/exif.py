"""`tfiqa data exif`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tfiqa.cli.output import SOME_FAILED, row_options, say, stream_rows

if TYPE_CHECKING:
    from tfiqa.images.exif_encoding import ApexSource


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--apex",
    type=click.Choice(["camera", "computed"]),
    default="camera",
    show_default=True,
    help="Aperture and time values as the camera wrote them, as in SPAQ, or from F-number and exposure time.",
)
@row_options
@click.pass_context
def exif(context: click.Context, pictures: tuple[str, ...], apex: ApexSource, form: str, output: str) -> None:
    """Read the EXIF tags of pictures: files, folders (searched) and patterns. One row a picture.

    A row has the tags as stored (mm, seconds, ISO, flash 1 or 0); exif_*, the eight numbers of SPAQ's model MT-E, with
    aperture, time, brightness and sensitivity as APEX values; and normalised_*, what the model takes. What is missing is
    empty, and 0 once normalised.

    Exit status 3 when some pictures cannot be read; each of them is a row with its error.
    """
    from dataclasses import asdict, fields

    import numpy as np

    from tfiqa.errors import PictureError
    from tfiqa.images.discovery import find_pictures
    from tfiqa.images.exif import DATE_TIME_FORMAT, ExifTags, read_exif
    from tfiqa.images.exif_encoding import EXIF_VECTOR, encode_exif, normalise_exif

    def row_of(tags: ExifTags) -> dict[str, Any]:
        encoded = encode_exif(tags, apex)
        row = asdict(tags)
        if tags.date_time:
            row["date_time"] = tags.date_time.strftime(DATE_TIME_FORMAT)
        for name, number, normalised in zip(EXIF_VECTOR, encoded, normalise_exif(encoded), strict=True):
            row[f"exif_{name}"] = None if np.isnan(number) else float(number)
            row[f"normalised_{name}"] = float(normalised)
        return row

    files = find_pictures(pictures)
    columns = (
        "path",
        *(tag.name for tag in fields(ExifTags)),
        *(f"exif_{name}" for name in EXIF_VECTOR),
        *(f"normalised_{name}" for name in EXIF_VECTOR),
        "error",
    )
    with_tags = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal with_tags
        for file in files:
            row: dict[str, Any] = dict.fromkeys(columns) | {"path": str(file)}
            try:
                tags = read_exif(file)
            except PictureError as error:
                yield row | {"error": str(error)}
            else:
                with_tags += tags != ExifTags()
                yield row | row_of(tags)

    failed = stream_rows(output, form, columns, rows(), total=len(files), unit="picture")
    say(f"{with_tags} of {len(files)} pictures have EXIF tags" + (f", {failed} cannot be read" if failed else ""))
    if failed:
        context.exit(SOME_FAILED)
