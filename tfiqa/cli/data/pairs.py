"""`tfiqa data pairs`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import row_writer, say


@click.command()
@click.argument("manifests", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MANIFEST...")
@click.option("--count", "counts", multiple=True, metavar="[DATABASE=]N", help="Pairs of a database, or of each.")
@click.option("--split", default=None, help="Pictures of this split; train by default where there are splits.")
@click.option("--labels", type=click.Choice(["thurstone", "binary"]), default="thurstone", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--output", default="-", help="CSV; '-' is standard output.")
def pairs(
    manifests: tuple[Path, ...], counts: tuple[str, ...], split: str | None, labels: str, seed: int, output: str
) -> None:
    """Draw pairs of pictures for learning to rank; each pair lies within one MANIFEST, one for each database.

    Columns: image_1, image_2, probability that the first looks better (from score and score_std by Thurstone's model),
    std_order (1, 0 or -1: whether the first's deviation is the larger), database. Without --count, the numbers of UNIQUE
    for its databases.
    """
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.databases.pairs import PairStream, database_of, mixed_blocks
    from tfiqa.databases.splits import rows_of_split

    wanted = _counts(counts)
    for_all = wanted.pop("", None)
    tables = []
    for path in manifests:
        manifest = read_manifest(path, required=("image", "score"))
        if split or "split" in manifest.table:
            manifest = rows_of_split(manifest, split or "train")
        else:
            say(f"{path} has no splits; its pairs are of all its pictures")
        tables.append(manifest)
    names = [database_of(table) or path.stem for table, path in zip(tables, manifests, strict=True)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise click.UsageError(f"{len(twice)} manifests are of {twice[0]}; give one for each database")
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise click.UsageError(f"--count for {', '.join(unknown)}, of which there is no manifest")
    streams = [
        PairStream(table, wanted.get(name, for_all), seed=seed, labels=labels)
        for name, table in zip(names, tables, strict=True)
    ]
    pictures = [stream.manifest.picture_paths() for stream in streams]
    with row_writer(output, "csv", ("image_1", "image_2", "probability", "std_order", "database")) as write:
        for mixed in mixed_blocks(streams, seed):
            for place, block in mixed.items():
                for first, second, probability, order in zip(
                    block.first, block.second, block.probability, block.std_order, strict=True
                ):
                    write(
                        {
                            "image_1": pictures[place][first],
                            "image_2": pictures[place][second],
                            "probability": probability,
                            "std_order": order,
                            "database": names[place],
                        }
                    )
    say(", ".join(f"{name} {len(stream)} pairs" for name, stream in zip(names, streams, strict=True)))


def _counts(texts: tuple[str, ...]) -> dict[str, int]:
    """Numbers by database; under "" the one for all others."""
    counts = {}
    for text in texts:
        database, _, number = text.rpartition("=")
        if not number.isdecimal() or int(number) < 1:
            raise click.UsageError(f"--count takes a whole number or DATABASE=NUMBER. Received: {text}")
        counts[database] = int(number)
    return counts
