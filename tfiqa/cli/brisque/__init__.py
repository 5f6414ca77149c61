"""`tfiqa brisque`: the baseline of support vectors on natural scene statistics."""

from __future__ import annotations

import click

from tfiqa.cli.brisque.fit import fit
from tfiqa.cli.brisque.score import score


@click.group()
def brisque() -> None:
    """BRISQUE: train it on opinions, score pictures with it."""


for command in (fit, score):
    brisque.add_command(command)
