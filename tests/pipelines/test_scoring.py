"""Whole pictures through a model: patches, mean, order, errors."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfiqa.errors import NotAPicture, PictureError
from tfiqa.images.protocol import PictureProtocol
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.scoring import PicturePredictor


class MeanRed:
    """Stands for a network whose quality is the mean red of its patch."""

    inputs = ()

    def __init__(self, protocol):
        self.info = type("Info", (), {"protocol": protocol, "options": {}})()
        self.batches = []

    def __call__(self, images, training):
        import tensorflow as tf

        assert training is False
        return {"quality": tf.reduce_mean(images[..., :1], axis=(1, 2))}


@pytest.fixture
def picture(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (300, 400, 3), np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_the_score_is_the_plain_mean_over_patches(picture):
    array = np.asarray(Image.open(picture), np.float64)[..., 0]
    want = np.mean([array[y : y + 224, x : x + 224].mean() for y in (0, 76) for x in (0, 112, 176)])
    for batch_size in (1, 4, 32):
        predictor = PicturePredictor(MeanRed(PictureProtocol("native", 224, 112)), batch_size=batch_size)
        assert predictor.predict(picture)["quality"] == pytest.approx(want, rel=1e-5)


def test_a_stride_of_ones_own(picture):
    array = np.asarray(Image.open(picture), np.float64)[..., 0]
    want = np.mean([array[y : y + 224, x : x + 224].mean() for y in (0, 76) for x in (0, 176)])
    predictor = PicturePredictor(MeanRed(PictureProtocol("native", 224, 112)), patch_stride=224)
    assert predictor.predict(picture)["quality"] == pytest.approx(want, rel=1e-5)


def test_whole_pictures_where_there_are_no_patches(picture):
    predictor = PicturePredictor(MeanRed(PictureProtocol("native")))
    assert predictor.predict(picture)["quality"] == pytest.approx(
        np.asarray(Image.open(picture))[..., 0].mean(), rel=1e-5
    )


def test_many_pictures_keep_their_order_and_errors_their_place(tmp_path):
    sources = []
    for i in range(20):
        path = tmp_path / f"{i}.png"
        Image.new("RGB", (40 + 10 * (i % 3), 50), (i, 0, 0)).save(path)
        sources.append(path)
    (tmp_path / "7.png").write_bytes(b"no picture")
    sources[9] = tmp_path / "none.png"
    got = list(PicturePredictor(MeanRed(PictureProtocol("native")), workers=3).predict_all(sources))
    assert isinstance(got[7], NotAPicture)
    assert isinstance(got[9], PictureError)
    assert [float(out["quality"][0]) for i, out in enumerate(got) if i not in (7, 9)] == [
        i for i in range(20) if i not in (7, 9)
    ]


def test_work_ahead_is_bounded_and_in_order():
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    results = map_in_order(lambda i: i * i, items(), workers=2)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) <= 10
    results.close()


def test_an_error_in_a_thread_comes_out():
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(lambda i: 1 / i, [1, 0], workers=2))


class Exif:
    """Stands for a network whose quality is the first of its EXIF numbers."""

    inputs = (SimpleNamespace(name="image"), SimpleNamespace(name="exif"))
    info = SimpleNamespace(protocol=PictureProtocol("native", 224, 112), options={})

    def __call__(self, inputs, training):
        return {"quality": inputs["exif"][:, :1]}


def test_exif_comes_from_the_picture_unless_it_is_given(tmp_path):
    tags = Image.Exif()
    tags.get_ifd(0x8769)[0x920A] = 4.25  # FocalLength
    for name, exif in (("with.jpg", tags), ("without.jpg", Image.Exif())):
        Image.new("RGB", (300, 300)).save(tmp_path / name, exif=exif)
    paths = [tmp_path / "with.jpg", tmp_path / "without.jpg"]
    predictor = PicturePredictor(Exif())
    own = [float(outputs["quality"][0]) for outputs in predictor.predict_all(paths)]
    assert own == pytest.approx([(4.25 - 3.3985) / 5.6570, 0])
    given = np.full((2, 8), np.nan)
    given[1, 0] = 10.0
    taken = [float(outputs["quality"][0]) for outputs in predictor.predict_all(paths, given)]
    assert taken == pytest.approx([0, (10 - 3.3985) / 5.6570])


def test_a_picture_too_small_for_the_body_is_refused(tmp_path):
    Image.new("RGB", (90, 74)).save(tmp_path / "small.png")
    model = MeanRed(PictureProtocol("native"))
    model.info.options = {"body": "inception_resnet_v2"}
    with pytest.raises(PictureError, match=r"small\.png: 90x74 pixels; the model takes sides from 75"):
        PicturePredictor(model).predict(tmp_path / "small.png")
