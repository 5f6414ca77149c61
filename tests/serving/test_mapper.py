"""Quality maps by exported models that score whole pictures only; the models' score is the mean brightness."""

import keras
import numpy as np
import pytest
from map_models import picture_model
from scenes import scene

from tfiqa.errors import InvalidInput
from tfiqa.explain.blocks import block_boxes
from tfiqa.explain.quality_map import quality_map
from tfiqa.images.exif_encoding import EXIF_DEVIATION, EXIF_MEAN, EXIF_VECTOR
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.paq2piq import SCALE
from tfiqa.models.quality_model import quality_model
from tfiqa.serving.mapper import SavedModelWindowMapper, load_mapper
from tfiqa.serving.package import export_model


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """A model of patches, and the folder of its export."""
    model = picture_model(PictureProtocol("shorter_side:100", 50, 25))
    return model, export_model(model, tmp_path_factory.mktemp("models") / "patches", warm_up=())


def test_windows_are_cut_from_what_the_model_sees(patches):
    model, folder = patches
    picture = scene(3, 200, 300)
    mapper = load_mapper(folder, "2x3", batch_size=4)
    assert isinstance(mapper, SavedModelWindowMapper)
    found = mapper.map(picture)
    seen = model.info.protocol.policy.apply(picture)
    want = [[seen[top : top + 50, left : left + 50].mean() for left in (0, 50, 100)] for top in (0, 50)]
    np.testing.assert_allclose(found.local, want, rtol=1e-4)
    np.testing.assert_array_equal(found.blocks, block_boxes(2, 3, 200, 300))
    assert found.quality == pytest.approx(quality_map(model, picture).quality, rel=1e-5)
    assert found.scale == SCALE


def test_any_grid_and_the_values_of_the_model_in_memory(patches):
    model, folder = patches
    picture = scene(4, 130, 100)
    for grid in ("20", "dense"):
        found, want = load_mapper(folder, grid).map(picture), quality_map(model, picture, grid)
        np.testing.assert_allclose(found.local, want.local, rtol=1e-5)
        np.testing.assert_array_equal(found.blocks, want.blocks)


def test_a_picture_that_the_model_does_not_take(tmp_path):
    model = picture_model(PictureProtocol("native", 40, 20, "within"))
    mapper = load_mapper(export_model(model, tmp_path / "within", warm_up=()))
    with pytest.raises(InvalidInput, match=r"^the picture has 50 x 30 pixels; the model takes sides from 40$"):
        mapper.map(scene(1, 30, 50))


def test_exif_goes_to_the_picture_and_to_every_window(tmp_path):
    image, exif = keras.Input((None, None, 3), name="image"), keras.Input((len(EXIF_VECTOR),), name="exif")
    quality = keras.ops.mean(image, axis=(1, 2, 3))[:, None] + 100 * keras.ops.sum(exif, axis=1, keepdims=True)
    info = ModelInfo("spaq_mt_e", {}, PictureProtocol(), SCALE, {"quality": ("quality",)})
    model = quality_model({"image": image, "exif": exif}, {"quality": quality}, info)
    mapper = load_mapper(export_model(model, tmp_path / "exif", warm_up=()), "1")
    assert mapper.takes_exif
    numbers = np.full(len(EXIF_VECTOR), EXIF_MEAN)
    numbers[2] += 3 * EXIF_DEVIATION
    numbers[5] = np.nan  # missing: as the mean
    picture = scene(2, 60, 90)
    found = mapper.map(picture, numbers)
    assert found.quality == pytest.approx(picture.mean() + 300, rel=1e-5)
    np.testing.assert_allclose(found.local, [[picture.mean() + 300]], rtol=1e-5)
