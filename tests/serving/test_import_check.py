"""Imported models against published scores, with a checkpoint made up for the purpose."""

import hashlib

import numpy as np
import pytest
from box_models import brightest_cell, squares
from click.testing import CliRunner
from PIL import Image

from tfiqa.cli.import_weights import import_weights
from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.serving.import_check import TOLERANCE, compare_with_published, published_scores
from tfiqa.weights import known_checkpoints
from tfiqa.weights.build import read_model
from tfiqa.weights.known_checkpoints import KNOWN, KnownCheckpoint, PublishedScores

LEVELS = [[1, 2, 3, 4], [9, 8, 7, 6]]
RELEASED = b"the weights"


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(squares(LEVELS)).save(tmp_path / "Demo.png")
    return tmp_path / "Demo.png"


@pytest.fixture
def made_up(monkeypatch):
    """A known checkpoint whose maps are those of `brightest_cell`: the end of a box belongs to it."""
    maps = (((9, 7),), ((9, 8, 7, 6), (9, 8, 7, 6)))
    scores = PublishedScores(9, "nowhere", maps)
    digest = hashlib.sha256(RELEASED).hexdigest()[:8]
    monkeypatch.setattr(
        known_checkpoints, "KNOWN", (KnownCheckpoint("paq2piq_roipool", "Made.pth", digest, {"Demo.png": scores}),)
    )
    return scores


def test_picture_and_maps_as_published(made_up, picture):
    found = compare_with_published(brightest_cell(), picture, made_up)
    assert [(each.published, each.ours) for each in found] == [(9, 9), (9, 9), (9, 9)]
    assert all(each.agrees for each in found)


def test_the_block_that_differs_most_is_named(picture):
    published = PublishedScores(9.5, "nowhere", (((9, 8.9, 7, 6), (9, 8, 7, 6 + 5 * TOLERANCE)),))
    whole, blocks = compare_with_published(brightest_cell(), picture, published)
    assert not whole.agrees
    assert str(blocks) == (
        "map of 2x4 blocks, at most different in row 1, column 2: published 8.9000, here 8.0000, DIFFERS"
    )


def test_what_is_not_known(picture, made_up):
    with pytest.raises(InvalidInput, match="no published scores of spaq_bl are known"):
        published_scores("spaq_bl", picture)
    with pytest.raises(InvalidInput, match=r"are known of Demo\.png\. Received: other\.png"):
        published_scores("paq2piq_roipool", picture.with_name("other.png"))


@pytest.fixture
def command(monkeypatch, tmp_path, picture):
    """Imports a file of any bytes, of which `brightest_cell` comes."""
    monkeypatch.setattr("tfiqa.weights.importers.import_weights", lambda source, checkpoint: brightest_cell())

    def run(content, *options):
        (tmp_path / "c.pth").write_bytes(content)
        arguments = ["paq2piq_roipool", tmp_path / "c.pth", "--output", tmp_path / "m.keras", *options]
        return CliRunner().invoke(import_weights, [str(each) for each in arguments], catch_exceptions=False)

    return run


def test_a_released_file_is_recognised_and_verified(made_up, command, picture, tmp_path):
    told = command(RELEASED, "--verify", picture)
    assert told.exit_code == 0
    assert "c.pth: Made.pth\n" in told.stderr
    assert told.stderr.endswith("verified: Demo.png scores as published (nowhere)\n")
    assert read_model(tmp_path / "m.keras").info.model == "paq2piq_roipool"


def test_another_file_of_the_layout(made_up, command):
    told = command(b"other weights")
    assert "a checkpoint of the layout of paq2piq_roipool, not one that is known" in told.stderr
    assert told.exit_code == 0


def test_other_scores_leave_nothing_behind(made_up, command, picture, tmp_path):
    Image.fromarray(squares([[1, 2, 3, 4], [9, 8, 8, 6]])).save(picture)
    with pytest.raises(CheckpointError, match=r"2 of 3 differ by more than 0\.01"):
        command(RELEASED, "--verify", picture)
    assert not (tmp_path / "m.keras").exists()


def test_the_published_maps_are_whole():
    (known,) = KNOWN
    scores = known.pictures["Picture1.jpg"]
    assert [np.shape(each) for each in scores.maps] == [(3, 5), (5, 5)]
    assert all(0 < value < 100 for each in scores.maps for row in each for value in row)
    assert len(known.sha256) == 8
