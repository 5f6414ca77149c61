"""`tfiqa list`."""

from __future__ import annotations

import click


@click.command("list")
@click.argument("kind", type=click.Choice(["models", "databases", "recipes"]))
@click.option("--long", "is_long", is_flag=True, help="databases: also citation, licence and home page.")
def list_names(kind: str, is_long: bool) -> None:
    """List what tfiqa knows by name."""
    import tfiqa

    if kind == "databases":
        click.echo(_databases(is_long))
        return
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
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(table + (["", *notes] if is_long else []))
