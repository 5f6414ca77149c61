"""Pairs of files through the measures: values, batches, threads, rows with errors."""

import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scenes import scene

from tfiqa.errors import UnknownName
from tfiqa.full_reference.gmsd import gmsd
from tfiqa.full_reference.measure import MEASURES, Measure
from tfiqa.pipelines import measuring
from tfiqa.pipelines.measuring import PairMeasurer
from tfiqa.pipelines.picture_pairs import PicturePair
from tfiqa.score_scale import ScoreScale


def pair(reference, distorted, **cells):
    return PicturePair({"distorted": distorted.name, **cells}, (reference, distorted))


def noisy(picture, seed):
    """The picture with noise; whatever the noise, of the same size and type."""
    noise = np.random.default_rng(seed).normal(0, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def save(tmp_path):
    """Writes a picture and gives its path."""

    def write(name, picture):
        Image.fromarray(picture).save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def few(monkeypatch):
    """A measure that has no value on pictures below 80 pixels, and none on black references."""

    def score(pair):
        red = tf.reduce_mean(pair.reference.planes[:, 0], (1, 2)) + 0 * tf.reduce_mean(
            pair.distorted.planes[:, 0], (1, 2)
        )
        return red / tf.cast(red > 0, red.dtype)

    entry = Measure(score, ScoreScale(0, None, True, "few"), 80, (), False, "nothing")
    monkeypatch.setattr(MEASURES, "_entries", dict(MEASURES._entries))
    MEASURES.register("few")(entry)


@pytest.fixture
def batches(monkeypatch):
    """Numbers of references and of distorted pictures in each call of the measures."""
    seen = []

    def evaluate_all(names, reference, distorted):
        seen.append((len(reference), len(distorted)))
        return {name: tf.zeros(max(seen[-1])) for name in names}

    monkeypatch.setattr(measuring, "evaluate_all", evaluate_all)
    return seen


def test_scores_are_those_of_single_pairs_whatever_the_batches(save):
    """One size and one reference, one size and many references, other sizes between them."""
    pairs, listed = [], []
    for place, (seed, height) in enumerate([(0, 96), (0, 96), (0, 96), (1, 96), (2, 96), (3, 96), (4, 81), (0, 96)]):
        reference = scene(seed, height)
        distorted = noisy(reference, place)
        pairs.append((reference, distorted))
        listed.append(pair(save(f"r{seed}.png", reference), save(f"d{place}.png", distorted), level=place))
    rows = list(PairMeasurer(["gmsd", "psnr"], workers=2).rows(listed))
    assert [row["level"] for row in rows] == list(range(8))
    assert [row["distorted"] for row in rows] == [f"d{place}.png" for place in range(8)]
    assert list(rows[0]) == ["distorted", "level", "gmsd", "psnr", "error"]
    for (one, other), row in zip(pairs, rows, strict=True):
        assert row["gmsd"] == pytest.approx(float(gmsd(one, other)), abs=2e-7)
        error = np.mean((one.astype(float) - other) ** 2)
        assert row["psnr"] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-4)
        assert row["error"] is None


def test_every_fault_is_a_row_in_its_place(save, tmp_path, few):
    good, small = save("good.png", scene(0)), save("small.png", scene(0, 60, 128))
    black = save("black.png", np.zeros((96, 128, 3), np.uint8))
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no picture")
    cases = [
        (pair(good, good), None),
        (pair(good, tmp_path / "cut.png"), "cut.png: is "),
        (pair(good, good), None),
        (pair(tmp_path / "none.png", tmp_path / "text.png"), "none.png: does not exist; "),
        (pair(good, small), "small.png: has 128x60 pixels, its reference"),
        (pair(small, small), "small.png: 128x60 pixels are too few for few (sides of at least 80)"),
        (pair(black, good), "good.png: few: not a number"),
        (PicturePair({"distorted": "x"}, error="x: no reference"), "x: no reference"),
        (pair(good, good), None),
    ]
    rows = list(PairMeasurer(["few", "gmsd"], workers=2).rows([case for case, _ in cases]))
    for row, (_, expected) in zip(rows, cases, strict=True):
        assert row["error"] == expected or expected in row["error"]
    assert [row["few"] is None for row in rows] == [error is not None for _, error in cases]
    assert [row["gmsd"] is None for row in rows] == [False, True, False, True, True, False, False, True, False]
    assert "text.png: " in rows[3]["error"]


def test_a_picture_larger_than_its_limit_and_identical_pictures(save):
    path = save("a.png", scene(0))
    (row,) = PairMeasurer(["psnr"], max_pixels=96 * 128 - 1).rows([pair(path, path)])
    assert "more than the limit" in row["error"]
    (row,) = PairMeasurer(["psnr"], max_pixels=96 * 128).rows([pair(path, path)])
    assert (row["psnr"], row["error"]) == (np.inf, None)


def test_what_is_measured_together(save, batches):
    a, b, c = (save(f"{name}.png", scene(seed, 60, 70)) for seed, name in enumerate("abc"))
    wide = save("wide.png", scene(0, 60, 80))
    run = lambda *references: [pair(path, path) for path in references]  # noqa: E731
    measurer = PairMeasurer(["gmsd"], workers=2)
    rows = list(measurer.rows(run(*[a] * 20, b, c, a, a, wide, wide, b)))
    assert len(rows) == 27
    assert batches == [(1, 16), (1, 4), (3, 3), (1, 1), (1, 2), (1, 1)]


def test_a_limit_of_pixels(save, batches, monkeypatch):
    monkeypatch.setattr(measuring, "BATCH_PIXELS", 3 * 60 * 70)
    small, large = save("small.png", scene(0, 60, 70)), save("large.png", scene(0, 200, 200))
    pairs = [pair(path, path) for path in [small] * 5 + [large] * 2]
    assert len(list(PairMeasurer(["gmsd"]).rows(pairs))) == 7
    assert batches == [(1, 3), (1, 2), (1, 1), (1, 1)]


def test_a_reference_is_decoded_once_and_work_ahead_is_bounded(save, batches, monkeypatch):
    monkeypatch.setattr(measuring, "WAITING_PIXELS", 40 * 60 * 70)
    decoded, taken = [], []
    real = measuring.decode_picture

    def decode(path, **limits):
        decoded.append(path)
        return real(path, **limits)

    monkeypatch.setattr(measuring, "decode_picture", decode)
    reference, other = save("r.png", scene(0, 60, 70)), save("d.png", scene(1, 60, 70))

    def pairs():
        for place in range(400):
            taken.append(place)
            yield pair(reference, other)

    rows = PairMeasurer(["gmsd"], workers=2).rows(pairs())
    next(rows)
    assert len(taken) < 80
    assert len(list(rows)) == 399
    assert decoded.count(reference) == 1
    assert decoded.count(other) == 400


def test_pictures_are_decoded_while_the_measures_run(save, monkeypatch):
    """The second batch's pictures are decoded while the first is measured; otherwise this waits in vain."""
    paths = [save(f"{place}.png", scene(0, 60 + place, 70)) for place in range(2)]
    second, in_time = threading.Event(), []
    real = measuring.decode_picture

    def decode(path, **limits):
        if path == paths[1]:
            assert measuring_began.wait(10)
            second.set()
        return real(path, **limits)

    def evaluate_all(names, reference, distorted):
        measuring_began.set()
        in_time.append(second.wait(10))
        return {name: tf.zeros(1) for name in names}

    measuring_began = threading.Event()
    monkeypatch.setattr(measuring, "WAITING_BATCHES", 1)
    monkeypatch.setattr(measuring, "decode_picture", decode)
    monkeypatch.setattr(measuring, "evaluate_all", evaluate_all)
    assert len(list(PairMeasurer(["gmsd"], workers=2).rows([pair(path, path) for path in paths]))) == 2
    assert in_time[0]


def test_too_little_memory_is_a_row(save, monkeypatch):
    def evaluate_all(names, reference, distorted):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(measuring, "evaluate_all", evaluate_all)
    path = save("a.png", scene(0))
    (row,) = PairMeasurer(["gmsd"]).rows([pair(path, path)])
    assert (row["gmsd"], "does not fit into memory" in row["error"]) == (None, True)


def test_a_picture_that_states_two_sizes(save, monkeypatch):
    monkeypatch.setattr(measuring, "picture_size", lambda path: (20, 20))
    path = save("a.png", scene(0))
    (row,) = PairMeasurer(["gmsd"]).rows([pair(path, path)])
    assert "has 128x96 pixels, and states another size" in row["error"]


def test_an_unknown_measure():
    with pytest.raises(UnknownName, match=r"unknown measure 'gmds'; did you mean .*'gmsd'"):
        PairMeasurer(["gmds"])
