"""The card of an exported model for people."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import tensorflow as tf

from tfiqa.errors import InvalidInput
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import info_of
from tfiqa.models.spaq import SpaqOptions
from tfiqa.score_scale import ScoreScale
from tfiqa.serving.model_card import model_card

INFO = info_of("spaq_mt_a", SpaqOptions())
SIGNATURES = {
    "serving_default": SimpleNamespace(
        structured_input_signature=((tf.TensorSpec((None,), tf.string, "image_bytes"), None), {}),
        structured_outputs={
            "quality": tf.TensorSpec((None,), tf.float32),
            "attributes": tf.TensorSpec((None, 5), tf.float32),
            "error": tf.TensorSpec((None,), tf.string),
        },
    )
}


def card(info=INFO, run=None):
    return model_card(info, SIGNATURES, "photos", 3, run)


def test_it_tells_the_model_its_paper_and_its_scale():
    text = card()
    assert text.startswith("# photos, version 3\n")
    assert "`spaq_mt_a` of tfiqa" in text
    assert "Perceptual Quality Assessment of Smartphone Photography" in text
    assert "scale SPAQ MOS. Higher is better. It goes from 0 to 100" in text
    assert "`rating`" not in text
    worded = card(replace(INFO, scale=replace(INFO.scale, words=True)))
    assert "`rating` is its fifth of the scale: bad, poor, fair, good, excellent." in worded
    assert "Lower is better. It has no bounds" in card(replace(INFO, scale=ScoreScale(None, None, False, "DMOS")))


def test_it_lists_inputs_and_outputs_with_their_shapes():
    lines = card().splitlines()
    assert "| `serving_default` | in | `image_bytes` | string | (N) | encoded pictures, of mixed sizes |" in lines
    assert "| `serving_default` | out | `quality` | float32 | (N) | SPAQ MOS 0 to 100, higher is better |" in lines
    (attributes,) = [line for line in lines if "`attributes`" in line]
    assert "(N, 5) | brightness, colorfulness, contrast, noisiness, sharpness |" in attributes


def test_it_tells_how_pictures_are_prepared_and_their_limits():
    text = card()
    assert "The shorter side is brought to 512 pixels" in text
    assert "patches of 224 x 224 pixels, every 112 pixels; the outputs" in text
    assert "Sides from 1 pixels; at most 200,000,000 pixels in all" in text
    text = card(replace(INFO, protocol=PictureProtocol("pad:640:white")))
    assert "centred in a square of 640 pixels" in text
    assert "The network sees the whole picture." in text
    assert "Sides from 1 pixels to 640;" in text
    text = card(replace(INFO, protocol=PictureProtocol("native", 64, 160, "within", 3)))
    assert "with 3 pixels of their surroundings on each side" in text
    assert "Sides from 64 pixels;" in text


def test_it_tells_which_jpegs_are_decoded_at_a_fraction_of_their_size():
    assert "eighth" not in card()
    text = card(replace(INFO, protocol=PictureProtocol("shorter_side:512", scaled_decoding=True)))
    assert "JPEGs whose sides have 2048 pixels or more at a half, quarter or eighth of their size" in text


def test_without_a_run_nothing_is_said_of_training():
    text = card()
    assert "Not recorded" in text
    assert "None recorded." in text


def test_with_a_run_it_tells_data_recipe_and_figures(tmp_path):
    scale = {"low": 1, "high": 5, "higher_is_better": True, "unit": "KonIQ MOS"}
    data = {"manifests": ["/data/secret place/koniq.csv"], "score_scale": scale, "fingerprint": "abc"}
    (tmp_path / "data.json").write_text(json.dumps({**data, "pictures": {"train": 7058, "test": 2015}}))
    reports = {"validation": {}, "test": {"pictures": 2015, "srcc": 0.91234, "plcc": None, "mappings": {}}}
    (tmp_path / "metrics.json").write_text(
        json.dumps({"chosen_epoch": 4, "chosen_by": "validation SRCC", "reports": reports})
    )
    (tmp_path / "recipe.yaml").write_text("model:\n  name: spaq_mt_a\n")
    text = card(run=tmp_path)
    assert "* Data: `koniq.csv`\n" in text
    assert "secret" not in text
    assert "* Scores: KonIQ MOS 1 to 5, higher is better\n" in text
    assert "* Pictures: 7,058 train, 2,015 test\n" in text
    assert "* Epoch 4, chosen by validation SRCC\n" in text
    assert "```yaml\nmodel:\n  name: spaq_mt_a\n```" in text
    assert "| split | pictures | SRCC |\n| --- | --- | --- |\n| test | 2,015 | 0.9123 |\n" in text


def test_a_damaged_file_of_the_run_is_told(tmp_path):
    (tmp_path / "metrics.json").write_text('{"chosen_epoch": 4')
    with pytest.raises(InvalidInput, match=r"metrics\.json is not what a run writes"):
        card(run=tmp_path)


def test_an_empty_run_is_as_none(tmp_path):
    assert card(run=tmp_path) == card()
