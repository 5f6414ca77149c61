"""`tfiqa niqe`: the baseline that knows no opinions."""

from __future__ import annotations

import click

from tfiqa.cli.niqe.fit import fit
from tfiqa.cli.niqe.score import score


@click.group()
def niqe() -> None:
    """NIQE: learn what undistorted pictures look like, score how far others are from that."""


for command in (fit, score):
    niqe.add_command(command)
