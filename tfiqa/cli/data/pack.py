"""`tfiqa data pack`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, say, say_some

MEGABYTE = 10**6


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write; it must not exist.")
@click.option("--shards", type=click.IntRange(1), help="How many files.")
@click.option("--shard-size", type=click.IntRange(1), metavar="MB", help="Mean size of a file at most. [default: 128]")
@click.option("--shuffle", type=int, metavar="SEED", help="Write the rows in an order drawn from SEED.")
@click.option("--workers", type=click.IntRange(1), help="Threads; by default one for each processor.")
@click.option("--verify", is_flag=True, help="Decode every picture fully first.")
@click.option("--skip-bad", is_flag=True, help="Leave out pictures that are missing or unreadable.")
@click.option("--check", is_flag=True, help="SOURCE is a packed folder: verify its checksums and counts.")
@click.pass_context
def pack(
    context: click.Context,
    source: Path,
    output: Path | None,
    shards: int | None,
    shard_size: int | None,
    shuffle: int | None,
    workers: int | None,
    verify: bool,
    skip_bad: bool,
    check: bool,
) -> None:
    """Pack the manifest SOURCE and its pictures into TFRecord shards with a schema and checksums beside them.

    The folder appears whole or not at all. Exit status 3 when --skip-bad left pictures out; they are counted, and the
    first ones named.
    """
    packing = (output, shards, shard_size, shuffle, verify or None, skip_bad or None)
    if check and any(option is not None for option in packing):
        raise click.UsageError("--check takes a packed folder and no option but --workers")
    if shards is not None and shard_size is not None:
        raise click.UsageError("give --shards or --shard-size, not both")

    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import load_tensorflow

    if check:
        load_tensorflow()
        from tfiqa.pipelines.records.reader import read_records

        records = read_records(source)
        records.check(workers=workers, progress=picture_progress("checking"))
        say(f"{source}: {len(records)} pictures in {len(records.shards)} shards, as packed; score: {records.scale}")
        return

    if output is None:
        raise click.UsageError("Missing option '--output'")
    load_tensorflow()
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.pipelines.records.writer import DEFAULT_SHARD_BYTES, pack_records

    result = pack_records(
        read_manifest(source),
        output,
        shards=shards,
        shard_bytes=shard_size * MEGABYTE if shard_size else DEFAULT_SHARD_BYTES,
        shuffle=shuffle,
        skip_bad=skip_bad,
        verify=verify,
        workers=workers,
        look_progress=picture_progress("verifying" if verify else "looking"),
        progress=picture_progress("packing"),
    )
    say_some("left out", result.skipped)
    listed = result.shard_list
    size = sum(shard.bytes for shard in listed.shards) / MEGABYTE
    say(
        f"{output}: {listed.rows} pictures, {listed.skipped} left out, {len(listed.shards)} shards, {size:.1f} MB; "
        f"score: {listed.scale}"
    )
    if result.skipped:
        context.exit(SOME_FAILED)
