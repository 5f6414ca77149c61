"""`tfiqa data split`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import ends_in, say

if TYPE_CHECKING:
    from tfiqa.databases.manifest import Manifest

TRAIN, TEST = 0.7, 0.2


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    callback=ends_in(".csv", ".parquet"),
    help="Manifest to write: .csv or .parquet.",
)
@click.option("--train", type=click.FloatRange(0, 1), help="Share of pictures.  [default: 0.7]")
@click.option(
    "--validation",
    type=click.FloatRange(0, 1),
    help="By default what the others leave; with --official a share of its training pictures.",
)
@click.option("--test", type=click.FloatRange(0, 1), help="Share of pictures.  [default: 0.2]")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--by", metavar="COLUMN", help="What must not straddle the split: reference, scene, phone, ...")
@click.option("--near-duplicates", is_flag=True, help="Decode all pictures and keep near-identical ones together.")
@click.option("--official", is_flag=True, help="Take the split that the database's owners published.")
@click.option(
    "--drop-straddling", is_flag=True, help="With --official: leave out training pictures of held-out groups."
)
@click.option("--repeats", type=click.IntRange(min=1), default=1, help="Splits with this and the following seeds.")
@click.option(
    "--write-keys", type=click.Path(path_type=Path), help="Folder for the key file of each split: seed_1.csv, ..."
)
@click.option("--keys", type=click.Path(path_type=Path), help="Key file of an earlier split, to have it again.")
def split(
    manifest: Path,
    output: Path | None,
    train: float | None,
    validation: float | None,
    test: float | None,
    seed: int,
    by: str | None,
    near_duplicates: bool,
    official: bool,
    drop_straddling: bool,
    repeats: int,
    write_keys: Path | None,
    keys: Path | None,
) -> None:
    """Mark each row of MANIFEST as train, validation or test; rows of one group stay together.

    Groups are the manifest's column `group` (or that of --by) and its references. --repeats N --write-keys FOLDER stores N random
    splits as small key files; --keys FILE --output gives the manifest of one of them.
    """
    if not output and not write_keys:
        raise click.UsageError("give --output, --write-keys or both")
    if official and keys:
        raise click.UsageError("--official and --keys are two different splits")
    if repeats > 1 and (official or keys):
        raise click.UsageError("--repeats is for random splits; --official and --keys give one")
    if (official or keys) and (train is not None or test is not None):
        raise click.UsageError("--train and --test are for random splits; --official and --keys have their own shares")
    if keys and validation is not None:
        raise click.UsageError("--validation does not go with --keys, which has its own shares")
    if drop_straddling and not official:
        raise click.UsageError("--drop-straddling needs --official")

    from dataclasses import replace

    from tfiqa.databases.manifest import manifest_from_table, write_manifest
    from tfiqa.databases.split_keys import write_split_keys
    from tfiqa.databases.splits import group_by, repeated_splits, straddling_groups
    from tfiqa.databases.table_file import read_table

    raw = read_table(manifest).drop(columns="split", errors="ignore")  # which may be unsound: it is made anew
    source = manifest_from_table(raw, manifest)
    table = group_by(source, by) if by else source
    if near_duplicates:
        table = _grouped(table)
    if keys:
        splits = [(keys.stem, _repeated(table, keys))]
    elif official:
        splits = [("official", _official(table, validation or 0.0, seed, drop_straddling))]
    else:
        train, test = (TRAIN if train is None else train), (TEST if test is None else test)
        rest = max(round(1 - train - test, 9), 0.0)  # 1 - 0.8 - 0.2 is not 0 in binary
        fractions = {"train": train, "validation": rest if validation is None else validation, "test": test}
        splits = [
            (f"seed_{seed + place}", marked)
            for place, marked in enumerate(repeated_splits(table, fractions, seed, repeats))
        ]
    for name, marked in splits:
        if write_keys:
            write_split_keys(marked, write_keys / f"{name}.csv")
        say(f"{name}: {_counts(marked)}")
        if by and not official:
            torn = straddling_groups(replace(source, table=source.table.assign(split=marked.table["split"])), "split")
            if torn:
                say(f"{name}: --by {by} took the place of the column 'group'; {torn} of its groups straddle the split")
    if output:
        name, marked = splits[0]
        write_manifest(marked, output)
        say(f"{output}: split {name}")


def _grouped(table: Manifest) -> Manifest:
    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases.groups import group_keys
    from tfiqa.databases.near_duplicates import group_near_duplicates

    grouped = group_near_duplicates(table, progress=picture_progress("decoding"))
    before, after = (group_keys(each.table, each.path).nunique() for each in (table, grouped))
    say(f"near-duplicates joined {before} groups to {after}")
    return grouped


def _repeated(table: Manifest, keys: Path) -> Manifest:
    from tfiqa.databases.split_keys import apply_split_keys

    marked, spare = apply_split_keys(table, keys)
    if spare:
        say(f"{keys} names {spare} pictures more than the manifest has")
    return marked


def _official(table: Manifest, validation: float, seed: int, drop_straddling: bool) -> Manifest:
    from tfiqa.databases.official_splits import official_split

    marked, dropped = official_split(table, validation=validation, seed=seed, drop_straddling=drop_straddling)
    if drop_straddling:
        say(f"{dropped} pictures left out, whose groups are on a more held-out side too")
    return marked


def _counts(marked: Manifest) -> str:
    from tfiqa.databases.validation import SPLITS

    counts = marked.table["split"].value_counts()
    return ", ".join(f"{name} {counts.get(name, 0)}" for name in SPLITS)
