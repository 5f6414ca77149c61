"""Quality maps of encoded pictures in one graph, and in an exported model."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from map_models import baseline, box_model
from PIL import Image
from scenes import scene

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.explain.quality_map import QualityMapper
from tfiqa.models.paq2piq import FIXED_BOXES
from tfiqa.serving.map_graph import MAP_SIDE, map_pictures_graph
from tfiqa.serving.mapper import SavedModelMapper, load_mapper
from tfiqa.serving.package import CARD, export_model

PICTURES = [scene(seed, *size) for seed, size in enumerate([(300, 417), (16, 16), (700, 90)])]


def png(picture):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


DATA = tf.constant([png(picture) for picture in PICTURES])


def maps(model):
    mapper = QualityMapper(model)
    return [mapper.map(picture) for picture in PICTURES]


@pytest.fixture(scope="module")
def model():
    return baseline()


@pytest.fixture(scope="module")
def want(model):
    return maps(model)


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    return export_model(model, tmp_path_factory.mktemp("saved_models") / "baseline")


def check(quality, local, want):
    np.testing.assert_allclose(quality, [each.quality for each in want], rtol=1e-5)
    np.testing.assert_allclose(local, np.stack([each.local for each in want]), rtol=1e-5)


def test_pictures_of_several_sizes_and_boxes_that_stand_in():
    model = box_model(FIXED_BOXES)
    out = map_pictures_graph(model, DATA)
    assert out["map"].shape == (3, MAP_SIDE, MAP_SIDE)
    check(out["quality"], out["map"], maps(model))


def test_exported_in_the_session_of_tf_serving(version, want):
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(version))
        signature = meta.signature_def["map"]
        outputs = {name: signature.outputs[name].name for name in ("quality", "map", "error")}
        out = session.run(outputs, {signature.inputs["image_bytes"].name: [*DATA.numpy(), b"text"]})
    check(out["quality"][:-1], out["map"][:-1], want)
    assert np.isnan(out["quality"][-1])
    assert np.isnan(out["map"][-1]).all()
    assert [bool(error) for error in out["error"]] == [False, False, False, True]


def test_a_mapper_of_an_exported_model(version, model, want):
    mapper = load_mapper(version.parent)
    assert isinstance(mapper, SavedModelMapper)
    assert mapper.info == model.info
    found = [mapper.map(picture) for picture in PICTURES]
    check([each.quality for each in found], [each.local for each in found], want)
    np.testing.assert_array_equal(found[0].blocks, want[0].blocks)
    with pytest.raises(InvalidInput, match="maps 20x20 blocks only; for grid dense"):
        load_mapper(version, "dense")


def test_what_is_no_exported_model_with_a_map(model, tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    (tmp_path / CARD).parent.mkdir()
    (tmp_path / CARD).write_text(json.dumps(model.info.to_dict()))
    with pytest.raises(InvalidInput, match=r"has no signature `map`.* give the \.keras file or the run"):
        load_mapper(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"text")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_mapper(tmp_path)
