"""`tfiqa report`: pages that hold results beside those of a paper."""

from __future__ import annotations

import click

from tfiqa.cli.report.dcnns import dcnns
from tfiqa.cli.report.deepfl_cross import deepfl_cross
from tfiqa.cli.report.deepfl_schemes import deepfl_schemes
from tfiqa.cli.report.paq2piq import paq2piq
from tfiqa.cli.report.spaq import spaq
from tfiqa.cli.report.unique import unique


@click.group()
def report() -> None:
    """Write a page of results beside those of a paper."""


for command in (spaq, deepfl_schemes, deepfl_cross, unique, paq2piq, dcnns):
    report.add_command(command)
