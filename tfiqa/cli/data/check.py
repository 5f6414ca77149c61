"""`tfiqa data check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import SOME_FAILED, row_writer, say, say_some

if TYPE_CHECKING:
    from tfiqa.databases.manifest import Manifest

COLUMNS = ("path", "ok", "width", "height", "sha256", "needs_pillow", "error")


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--output", help="CSV with a row a picture: size, digest, error. '-' is standard output.")
@click.option(
    "--near-duplicates", is_flag=True, help="Also look for near-identical pictures, and on which sides they are."
)
@click.option("--max-pixels", type=click.IntRange(min=1), help="Larger pictures are bad; by default over 200 million.")
@click.pass_context
def check(
    context: click.Context, manifest: Path, output: str | None, near_duplicates: bool, max_pixels: int | None
) -> None:
    """Validate MANIFEST, decode every picture in it, and compare with the official number of pictures.

    Exit status 3 when some pictures cannot be used; --output lists every one.
    """
    from dataclasses import asdict, replace

    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.databases.picture_check import check_pictures
    from tfiqa.databases.validation import validate_manifest

    table = read_manifest(manifest)
    if _should_have_scores(table):
        validate_manifest(table.table, manifest, check_files=False)
    limit = {} if max_pixels is None else {"max_pixels": max_pixels}
    checks = check_pictures(table.picture_paths(), progress=picture_progress("decoding"), **limit)
    if output is not None:
        with row_writer(output, "csv", COLUMNS) as write:
            for row in checks:
                write(asdict(row))
    bad = [str(row.error) for row in checks if not row.ok]
    say_some("bad", bad)
    say(f"{manifest}: {len(checks)} pictures, {len(bad)} bad{_scores(table)}")
    _say_official_counts(table)
    good = replace(table, table=table.table[[row.ok for row in checks]].reset_index(drop=True))
    _say_splits(good)
    _say_copies(good, [str(row.sha256) for row in checks if row.ok])
    if near_duplicates and len(good):
        _say_near_duplicates(good)
    if bad:
        context.exit(SOME_FAILED)


def _should_have_scores(manifest: Manifest) -> bool:
    """All but databases that have none by nature, such as KADIS-700k."""
    from tfiqa.databases.reader import READERS

    names = set(manifest.table["database"].dropna()) if "database" in manifest.table else set()
    return not names or any(name not in READERS or READERS.get(name).value.has_scores for name in names)


def _scores(manifest: Manifest) -> str:
    if "score" not in manifest.table or manifest.table["score"].isna().all():
        return "; no scores"
    scores = manifest.table["score"]
    return f"; score {scores.min():g} to {scores.max():g} ({manifest.scale})"


def _say_official_counts(manifest: Manifest) -> None:
    from tfiqa.databases.reader import READERS

    if "database" not in manifest.table:
        return
    for name, rows in manifest.table.groupby("database"):
        official = READERS.get(str(name)).value.official_count(rows) if name in READERS else None
        if official is not None:
            say(f"{name}: {len(rows)} of the {official} official rows")


def _say_splits(manifest: Manifest) -> None:
    """How many pictures each split has, and how many groups stand on several sides of the official one.

    (A manifest whose own split tears groups apart is refused when it is read.)
    """
    from tfiqa.databases.splits import straddling_groups

    for column in ("split", "official_split"):
        if column in manifest.table:
            counts = manifest.table[column].value_counts()
            say(f"{column}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    if "official_split" in manifest.table:
        say(f"groups that straddle the official_split: {straddling_groups(manifest, 'official_split')}")


def _say_copies(manifest: Manifest, digests: list[str]) -> None:
    """How many pictures are the same file under other names, and how often such copies stand on several sides."""
    import pandas as pd

    of_row = pd.Series(digests, manifest.table.index, dtype=object)
    copies = int(of_row.duplicated(keep=False).sum())
    if copies:
        say(f"pictures whose file is byte for byte that of another: {copies}")
        for column in manifest.table.columns.intersection(["split", "official_split"]):
            torn = int((manifest.table[column].groupby(of_row).nunique() > 1).sum())
            say(f"files with copies on several sides of the {column}: {torn}")


def _say_near_duplicates(manifest: Manifest) -> None:
    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases.groups import group_keys
    from tfiqa.databases.near_duplicates import group_near_duplicates
    from tfiqa.databases.splits import straddling_groups

    joined = group_near_duplicates(manifest, progress=picture_progress("near-duplicates"))
    after = group_keys(joined.table, joined.path)
    grown = group_keys(manifest.table, manifest.path).groupby(after).nunique().gt(1)
    pictures = int(after.isin(grown.index[grown]).sum())
    say(f"near-duplicates beyond the manifest's groups: {int(grown.sum())} groups of {pictures} pictures")
    for column in ("split", "official_split"):
        if column in joined.table:
            torn = straddling_groups(joined, column)
            say(f"groups, near-duplicates joined, that straddle the {column}: {torn}")
