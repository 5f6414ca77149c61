"""`tfiqa extract`: what is made of pictures at scale, once, for later training."""

from __future__ import annotations

import click

from tfiqa.cli.extract.mlsp import mlsp
from tfiqa.cli.extract.scene import scene
from tfiqa.cli.extract.weak_labels import weak_labels


@click.group()
def extract() -> None:
    """Make features, weak labels or types of scenes of many pictures."""


extract.add_command(mlsp)
extract.add_command(weak_labels)
extract.add_command(scene)
