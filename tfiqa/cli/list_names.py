"""`tfiqa list`."""

from __future__ import annotations

from collections.abc import Sequence

import click


@click.command("list")
@click.argument("kind", type=click.Choice(["models", "measures", "distortions", "databases", "recipes"]))
@click.option("--long", "is_long", is_flag=True, help="databases: also citation, licence and home page.")
def list_names(kind: str, is_long: bool) -> None:
    """List what tfiqa knows by name."""
    if kind == "databases":
        click.echo(_databases(is_long))
        return
    if kind == "measures":
        click.echo(_measures())
        return
    if kind == "distortions":
        click.echo(_distortions())
        return

    import tfiqa

    click.echo("\n".join({"models": tfiqa.list_models, "recipes": tfiqa.list_recipes}[kind]()))


def _databases(is_long: bool) -> str:
    """A table with a line a database; the name comes first."""
    from tfiqa.databases import READERS

    rows = [("name", "pictures", "references", "scores", "options of data prepare --set (default first)")]
    notes = []
    for entry in READERS:
        reader = entry.value
        options = "; ".join(f"{option}={'|'.join(values)}" for option, values in reader.choices.items())
        count = "" if reader.pictures is None else f"{reader.pictures:,}"
        scores = str(reader.scale) if reader.has_scores else "none"
        rows.append((entry.name, count, "yes" if reader.has_references else "no", scores, options))
        notes.append(f"{entry.name}: {reader.citation}. {reader.home_page} Licence: {reader.licence}.")
    return "\n".join([_aligned(rows)] + (["", *notes] if is_long else []))


def _measures() -> str:
    """A table with a line a measure; the name comes first."""
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    import tfiqa
    from tfiqa.full_reference import MEASURES

    rows = [("name", "range", "better", "smallest side", "symmetric", "check")]
    for name in tfiqa.list_measures():
        measure = MEASURES.get(name).value
        scale = measure.scale
        bounds = " to ".join("unbounded" if bound is None else f"{bound:g}" for bound in (scale.low, scale.high))
        better = "higher" if scale.higher_is_better else "lower"
        side, symmetric = str(measure.smallest_side), "yes" if measure.is_symmetric else "no"
        rows.append((name, bounds, better, side, symmetric, measure.checked))
    return _aligned(rows)


def _distortions() -> str:
    """A table with a line a distortion; the name comes after KADID's number."""
    from tfiqa.distortions.levels import DISTORTIONS, LEVELS

    rows = [("", "name", *(f"level {level}" for level in LEVELS), "random", "mildest level", "what the numbers are")]
    for number, each in enumerate(DISTORTIONS, start=1):
        amounts = (f"{amount:g}" for amount in each.amounts)
        mildest = "3" if each.is_signed else "1"
        rows.append((str(number), each.name, *amounts, "yes" if each.is_random else "no", mildest, each.parameter))
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
