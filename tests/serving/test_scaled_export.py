"""Exported models whose protocol has large JPEGs decoded at a fraction of their size."""

import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scenes import scene

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.quality_model import quality_model
from tfiqa.pipelines.scoring import PicturePredictor
from tfiqa.score_scale import ScoreScale
from tfiqa.serving.package import export_model
from tfiqa.serving.saved_model import SavedModelPredictor


def contrast_model(scaled_decoding):
    """The mean square of the differences of neighbouring pixels, which the way of scaling changes."""
    image = keras.Input((None, None, 3), name="image")
    quality = keras.ops.mean(keras.ops.square(image[:, :, 1:] - image[:, :, :-1]), axis=(1, 2, 3))[:, None]
    protocol = PictureProtocol("shorter_side:40", scaled_decoding=scaled_decoding)
    scale = ScoreScale(0, 65025, True, "contrast")
    return quality_model(
        image, {"quality": quality}, ModelInfo("spaq_bl", {}, protocol, scale, {"quality": ("quality",)})
    )


def jpeg(height, width, orientation=1, mode="RGB", **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(scene(3, height, width)).convert(mode).save(stream, "JPEG", exif=exif, **{"quality": 92, **options})
    return stream.getvalue()


REDUCED = {
    "by 2": jpeg(163, 221),
    "by 4, turned": jpeg(331, 325, orientation=6),
    "grey": jpeg(163, 221, mode="L"),
    "progressive": jpeg(321, 350, progressive=True),
    "without its end marker, which Pillow forgives": jpeg(163, 221, quality=50)[:-2],
}
IN_FULL = {"small": jpeg(100, 120), "cmyk": jpeg(163, 221, mode="CMYK")}


@pytest.fixture(scope="module")
def model():
    return contrast_model(scaled_decoding=True)


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    return export_model(model, tmp_path_factory.mktemp("saved_models") / "contrast")


@pytest.fixture(scope="module")
def exported(version):
    return SavedModelPredictor(version)


@pytest.mark.parametrize("name", [*REDUCED, *IN_FULL])
def test_the_exported_model_scores_as_the_model_does(name, model, exported):
    data = {**REDUCED, **IN_FULL}[name]
    want = PicturePredictor(model).predict(data)["quality"]
    np.testing.assert_allclose(exported.predict(data)["quality"], want, rtol=1e-5)


def test_only_large_jpegs_are_scored_otherwise_than_in_full(model):
    scaled, in_full = PicturePredictor(model), PicturePredictor(contrast_model(scaled_decoding=False))
    for name, data in {**REDUCED, **IN_FULL}.items():
        score, want = (predictor.predict(data)["quality"] for predictor in (scaled, in_full))
        assert (score == want) == (name in IN_FULL), name
        np.testing.assert_allclose(score, want, rtol=0.2)


def test_the_card_says_so_and_the_graph_alone_reduces(version):
    card = json.loads((version / "assets.extra" / "tfiqa.json").read_text())
    assert card["protocol"]["scaled_decoding"] is True
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    out = served(image_bytes=tf.constant([REDUCED["by 2"], b"text", IN_FULL["small"]]))
    want = [contrast(REDUCED["by 2"], reduction=2), np.nan, contrast(IN_FULL["small"], reduction=1)]
    np.testing.assert_allclose(out["quality"], want, rtol=1e-2)


def contrast(data, reduction):
    """By Pillow alone, which takes the passes in any order."""
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    if reduction > 1:
        image.draft("RGB", (width // reduction, height // reduction))
    box = (0, 0, width / reduction, height / reduction)
    scaled = image.resize((40 * width // height, 40), Image.Resampling.BILINEAR, box=box)
    return np.mean(np.diff(np.asarray(scaled, float), axis=1) ** 2)
