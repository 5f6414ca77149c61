"""`tfiqa data`: manifests from databases, and all that is done with manifests before training."""

from __future__ import annotations

import click

from tfiqa.cli.data.check import check
from tfiqa.cli.data.describe import describe
from tfiqa.cli.data.deviations import deviations
from tfiqa.cli.data.equalize import equalize
from tfiqa.cli.data.exif import exif
from tfiqa.cli.data.histograms import histograms
from tfiqa.cli.data.pack import pack
from tfiqa.cli.data.pairs import pairs
from tfiqa.cli.data.prepare import prepare
from tfiqa.cli.data.sample import sample
from tfiqa.cli.data.split import split


@click.group()
def data() -> None:
    """Make, check, split, describe and pack manifests."""


for command in (prepare, check, split, pairs, pack, describe, sample, exif, equalize, deviations, histograms):
    data.add_command(command)
