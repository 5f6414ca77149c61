"""`tfiqa list`."""

from __future__ import annotations

import click


@click.command("list")
@click.argument("kind", type=click.Choice(["models", "databases", "recipes"]))
def list_names(kind: str) -> None:
    """List what tfiqa knows by name."""
    import tfiqa

    names = {"models": tfiqa.list_models, "databases": tfiqa.list_databases, "recipes": tfiqa.list_recipes}[kind]()
    click.echo("\n".join(names))
