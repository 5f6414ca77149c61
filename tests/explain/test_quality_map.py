"""The quality of blocks, by models with boxes and without, and parity where the vectors are at hand."""

import io
import lzma

import numpy as np
import pytest
from map_models import LOW_IS_GOOD, baseline, box_model, picture_model, squares
from PIL import Image
from scenes import scene
from small_networks import small_resnet18

import tfiqa
from tfiqa.errors import InvalidInput, UnsupportedPicture
from tfiqa.explain.blocks import block_boxes, parse_grid
from tfiqa.explain.map_figure import MapStyle, draw_map, with_boxes_drawn
from tfiqa.explain.map_pictures import MappedPicture, map_pictures
from tfiqa.explain.quality_map import QualityMap, QualityMapper, quality_map, with_boxes
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.paq2piq import FIXED_BOXES, SCALE

GREYS = np.array([[10, 20, 30, 5], [40, 50, 60, 70], [7, 8, 9, 100]])


def greatest_of_cells(greys):
    """A block at whole cells also has the cells right of it and below it: PaQ-2-PiQ's boxes include their last cell."""
    padded = np.pad(greys, (0, 1))
    return np.max([padded[:-1, :-1], padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]], axis=0)


@pytest.fixture(scope="module")
def any_grid():
    """A function of a grid to a mapper, always the same one, since the network takes its time to be prepared."""
    mapper = QualityMapper(box_model())

    def with_grid(grid):
        mapper.grid = parse_grid(grid)
        return mapper

    return with_grid


def test_a_model_with_boxes(any_grid):
    found = any_grid("3x4").map(squares(GREYS))
    assert found.quality == 100
    assert found.scale == SCALE
    assert found.local.dtype == np.float32
    np.testing.assert_allclose(found.local, greatest_of_cells(GREYS))
    np.testing.assert_array_equal(found.blocks, block_boxes(3, 4, 96, 128))


def test_pictures_of_all_sizes_by_one_mapper(any_grid):
    mapper = any_grid("dense")
    for height, width in ((16, 16), (1, 1), (33, 200), (700, 900)):
        found = mapper.map(scene(1, height, width))
        assert found.local.shape == (-(-height // 32), -(-width // 32))
    tiny = any_grid("20").map(scene(1, 16, 16))  # more blocks than pixels
    assert tiny.local.shape == (20, 20)
    assert tiny.local[0, 0] == tiny.quality


def test_thousands_of_blocks(any_grid):
    found = any_grid("120x160").map(squares(GREYS))
    assert found.local.shape == (120, 160)
    # Blocks much smaller than a cell have the values of one or two cells a side.
    assert found.local[0, 0] == 10
    assert found.local[-1, -1] == 0  # the corner rounds to a cell that is not there
    assert set(np.unique(found.local)) <= {0, *GREYS.ravel()}


def test_stand_in_boxes_stay_what_the_picture_score_is_of():
    model = box_model(FIXED_BOXES)
    picture = scene(3, 200, 300)
    found = quality_map(model, picture, "2x3")
    alone = model(picture[None].astype(np.float32))
    assert found.quality == pytest.approx(float(alone["quality"][0, 0]))
    blocks = block_boxes(2, 3, 200, 300).reshape(1, -1, 4)
    want = model({"image": picture[None].astype(np.float32), "boxes": blocks})["box_quality"]
    np.testing.assert_allclose(found.local.ravel(), want[0], rtol=1e-5)


def test_the_baseline_keeps_its_score_and_pools_boxes_as_roipool():
    found = quality_map(baseline(), squares(GREYS), "3x4")
    assert found.quality == pytest.approx(GREYS.max() + GREYS.mean() - 1)
    padded = np.pad(GREYS, (0, 1), constant_values=-1)
    bins = np.stack([padded[:-1, :-1], padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]])
    bins = np.where(bins < 0, 0, bins)  # one cell a bin, none beyond the picture
    narrow = np.zeros(GREYS.shape, bool)
    narrow[-1], narrow[:, -1] = True, True
    want = bins.max(axis=0) + bins.mean(axis=0) - 1
    np.testing.assert_allclose(found.local[~narrow], want[~narrow], rtol=1e-5)


def test_the_registered_baseline_with_boxes_is_roipool_with_its_weights():
    with small_resnet18():
        model, twin = tfiqa.build_model("paq2piq_baseline"), tfiqa.build_model("paq2piq_roipool")
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, weight.shape) for weight in model.weights])
    for layer in model.layers:
        if layer.weights:
            twin.get_layer(layer.name).set_weights(layer.get_weights())
    picture = scene(1, 70, 100)[None].astype(np.float32)
    inputs = {"image": picture, "boxes": block_boxes(2, 2, 70, 100).reshape(1, 4, 4)}
    boxed = with_boxes(model)
    np.testing.assert_allclose(boxed(inputs)["box_quality"], twin(inputs)["box_quality"], rtol=1e-5)
    np.testing.assert_allclose(boxed(inputs)["quality"], model(picture)["quality"], rtol=1e-5)
    assert boxed.get_layer("conv1") is model.get_layer("conv1")


def test_windows_of_a_model_without_boxes():
    picture = scene(2, 300, 500)
    found = quality_map(picture_model(), picture, "2x4")
    assert found.quality == pytest.approx(picture.mean(), rel=1e-5)
    # Blocks of 150x125 get windows of 224x224 around their middles, moved into the picture.
    want = [
        [picture[top : top + 224, left : left + 224].mean() for left in (0, 76, 200, 276)]  # middles 62.5, 187.5, ...
        for top in (0, 76)
    ]
    np.testing.assert_allclose(found.local, want, rtol=1e-4)


def test_windows_are_cut_from_what_the_model_sees():
    protocol = PictureProtocol("shorter_side:100", 50, 25)
    picture = squares(np.arange(24).reshape(4, 6) * 10, 50)  # 200x300, seen as 100x150
    found = quality_map(picture_model(protocol), picture, "2x3")
    seen = protocol.policy.apply(picture)
    want = [[seen[top : top + 50, left : left + 50].mean() for left in (0, 50, 100)] for top in (0, 50)]
    np.testing.assert_allclose(found.local, want, rtol=1e-4)
    np.testing.assert_array_equal(found.blocks, block_boxes(2, 3, 200, 300))
    assert quality_map(picture_model(protocol), picture, "dense").local.shape == (4, 5)


def test_windows_larger_than_a_patch_are_means_of_patches():
    protocol = PictureProtocol("native", 40, 40)
    picture = scene(5, 80, 240)
    found = quality_map(picture_model(protocol), picture, "1x2")
    np.testing.assert_allclose(found.local, [[picture[:, :120].mean(), picture[:, 120:].mean()]], rtol=1e-4)


def test_equal_windows_are_scored_once(monkeypatch):
    mapper = QualityMapper(picture_model(), batch_size=3)
    seen = []
    network = mapper._predictor._network
    monkeypatch.setattr(
        mapper._predictor, "_network", lambda images, exif: seen.append(len(images)) or network(images, exif)
    )
    found = mapper.map(scene(1, 16, 16))
    assert seen == [1, 1]  # the picture, and a window that is all of it
    np.testing.assert_allclose(found.local, found.quality)
    seen.clear()
    mapper.map(scene(1, 230, 240))
    assert seen == [1, 3, 3, 2]  # of the blocks' windows, with tops 0 and 6 and lefts 0, 2, 14 and 16


def test_the_worst_blocks_do_not_touch():
    local = np.array([[1, 2, 9, 9], [3, 4, 9, 5], [9, 9, 9, 6]], np.float32)
    blocks = block_boxes(3, 4, 30, 40)
    found = QualityMap(0, local, blocks, SCALE)
    assert found.worst(2) == [(0, 0), (1, 3)]
    assert found.worst(0) == []
    assert found.worst(99)[:2] == [(0, 0), (1, 3)]
    assert len(set(found.worst(99))) == 12
    assert found.worst(3)[2] == (2, 0)  # the last that touches neither
    assert QualityMap(0, local, blocks, LOW_IS_GOOD).worst(1) == [(0, 2)]


def test_what_has_no_map():
    with pytest.raises(InvalidInput, match="resnet18 does not score pictures"):
        QualityMapper(tfiqa.build_model("resnet18"))
    with pytest.raises(InvalidInput, match="not finite"):
        QualityMap(0, np.array([[np.nan]], np.float32), block_boxes(1, 1, 9, 9), SCALE)
    with pytest.raises(InvalidInput, match="a grid is"):
        QualityMapper(picture_model(), "many")


def encoded(picture, form, **settings):
    stream = io.BytesIO()
    picture.save(stream, form, **settings)
    return stream.getvalue()


def test_pictures_as_they_are_shown_and_errors_in_their_place(any_grid):
    picture = Image.fromarray(squares(GREYS))
    turned = Image.Exif()
    turned[0x0112] = 6
    sources = [
        encoded(picture.convert("L"), "PNG"),
        b"text",
        encoded(picture.convert("CMYK"), "TIFF"),
        encoded(picture.rotate(90, expand=True), "PNG", exif=turned),
    ]
    found = list(map_pictures(any_grid("3x4"), sources))
    assert isinstance(found[1], Exception)
    for each in (found[0], found[2], found[3]):
        assert isinstance(each, MappedPicture)
        np.testing.assert_allclose(each.quality_map.local, greatest_of_cells(GREYS), atol=2)
    (refused,) = map_pictures(any_grid("1px"), [encoded(Image.new("RGB", (400, 400)), "PNG")])
    assert isinstance(refused, UnsupportedPicture)
    assert "at most 65,536 blocks" in str(refused)


def test_the_figure_marks_the_worst_blocks(any_grid):
    picture = scene(4, 500, 600)
    found = any_grid("dense").map(picture)
    plain, marked = (
        np.asarray(Image.open(io.BytesIO(draw_map(picture, found, MapStyle(worst=count)))).convert("RGB"), int)
        for count in (0, 2)
    )
    assert plain.shape == marked.shape
    changed = np.flatnonzero((plain != marked).any(axis=(0, 2)))
    assert 0 < changed.max() < plain.shape[1] / 2  # in the left picture alone


def test_boxes_at_the_border_and_narrower_than_a_line_are_drawn():
    picture = np.full((40, 60, 3), 128, np.uint8)
    drawn = with_boxes_drawn(picture, [np.array([50, 30, 60, 40.0]), np.array([0, 0, 0.1, 0.1])])
    assert drawn.shape == picture.shape
    for line in (drawn[39, 50:], drawn[30, 50:], drawn[30:, 50], drawn[30:, 59]):
        assert (line == 255).all()
    assert (drawn[:2, :2] == 255).any()
    assert (picture == 128).all()


def test_parity(shared, tmp_path):
    vectors = shared / "parity" / "open"
    file = tmp_path / "RoIPoolModel.pth"
    file.write_bytes(lzma.decompress((vectors / "paq2piq_roipool" / f"{file.name}.xz").read_bytes()))
    mapper = QualityMapper(tfiqa.import_weights("paq2piq_roipool", file))
    want = np.load(vectors / "paq2piq_roipool" / "expected.npz")
    picture = np.asarray(Image.open(vectors / "paq_640x480.png").convert("RGB"))
    for grid, name in (("20", "paq_qmap20_local"), ("3x5", "paq_qmap3x5_local")):
        mapper.grid = parse_grid(grid)
        found = mapper.map(picture)
        np.testing.assert_allclose(found.quality, want["paq_qmap20_global"], atol=1e-3, rtol=1e-5)
        np.testing.assert_allclose(found.local, want[name], atol=1e-3, rtol=1e-5)
