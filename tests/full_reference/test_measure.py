import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs

from tfiqa import full_reference
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.full_reference import measure as measure_file
from tfiqa.full_reference.gmsd import gmsd
from tfiqa.full_reference.measure import MEASURES, evaluate, evaluate_all, measure
from tfiqa.registry import Registry


@pytest.fixture(scope="module")
def expected():
    reference, distorted = scene_pairs(40, 52)
    return np.array([float(gmsd(r, d)) for r, d in zip(reference, distorted, strict=True)])


@pytest.fixture
def own_measures(monkeypatch):
    """An empty registry, so that a measure of the test is seen by the test alone."""
    monkeypatch.setattr(measure_file, "MEASURES", Registry("measure"))


def test_shapes(expected):
    reference, distorted = scene_pairs(40, 52)
    assert gmsd(reference[0], distorted[0]).shape == ()
    assert gmsd(reference[:1], distorted[:1]).shape == (1,)
    assert gmsd(reference[0], distorted[:1]).shape == (1,)
    np.testing.assert_allclose(gmsd(reference, distorted), expected, rtol=1e-5)


@pytest.mark.parametrize("many", ["reference", "distorted"])
@pytest.mark.parametrize("has_batch_axis", [True, False])
def test_one_picture_meets_many(many, has_batch_axis):
    one, batch = scene_pair(40, 52)[0], scene_pairs(40, 52)[1]
    alone = one[None] if has_batch_axis else one
    pair, singles = (
        ((batch, alone), [(d, one) for d in batch])
        if many == "reference"
        else ((alone, batch), [(one, d) for d in batch])
    )
    np.testing.assert_allclose(gmsd(*pair), [float(gmsd(*single)) for single in singles], rtol=1e-5)


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        (np.uint8, np.uint8, tf.float32),
        (np.int32, np.int64, tf.float32),
        (np.float16, np.float32, tf.float32),
        (np.float64, np.float32, tf.float32),
        (np.float64, np.uint8, tf.float32),
        (np.float64, np.float64, tf.float64),
    ],
)
def test_only_float64_pictures_are_computed_in_float64(one, other, result, expected):
    reference, distorted = scene_pairs(40, 52)
    found = gmsd(reference.astype(one), distorted.astype(other))
    assert found.dtype == result
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_plain_lists_and_tensors_are_taken(expected):
    reference, distorted = scene_pairs(40, 52)
    assert float(gmsd(reference[0].tolist(), tf.constant(distorted[0]))) == pytest.approx(expected[0], rel=1e-5)


@pytest.mark.parametrize("shape", [(40, 52), (40, 52, 1), (40, 52, 4), (1, 2, 40, 52, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(
        InvalidInput, match=r"the reference must be \(N, H, W, 3\) or \(H, W, 3\), RGB 0..255. Received"
    ):
        gmsd(np.zeros(shape), np.zeros((40, 52, 3)))
    with pytest.raises(InvalidInput, match="the distorted must be"):
        gmsd(np.zeros((40, 52, 3)), np.zeros(shape))


@pytest.mark.parametrize("dtype", [bool, complex])
def test_what_is_no_number_is_refused(dtype):
    with pytest.raises(InvalidInput, match="the reference must be numbers"):
        gmsd(np.zeros((40, 52, 3), dtype), np.zeros((40, 52, 3)))


@pytest.mark.parametrize(
    ("one", "other"), [((40, 52, 3), (52, 40, 3)), ((40, 52, 3), (40, 51, 3)), ((2, 40, 52, 3), (3, 40, 52, 3))]
)
def test_unequal_sizes_are_refused(one, other):
    with pytest.raises(InvalidInput, match=r"reference and distorted must have one size. Received: \(.*\) and \(.*\)"):
        gmsd(np.zeros(one), np.zeros(other))
    with pytest.raises(InvalidInput, match="must have one size"):
        tf.function(gmsd, autograph=False)(tf.zeros(one), tf.zeros(other))


@pytest.mark.parametrize("shape", [(2, 52, 3), (52, 2, 3), (5, 2, 2, 3)])
def test_too_small_pictures_are_refused(shape):
    with pytest.raises(InvalidInput, match=r"gmsd needs sides of at least 3 pixels\. Received: 2"):
        gmsd(np.zeros(shape), np.zeros(shape))


def test_an_unknown_measure():
    with pytest.raises(UnknownName, match="unknown measure 'gmsf'; did you mean 'gmsd'"):
        evaluate("gmsf", np.zeros((40, 52, 3)), np.zeros((40, 52, 3)))


def test_one_graph_serves_all_sizes(own_measures):
    traced = []

    @measure("counted", low=None, high=None, higher_is_better=True, smallest_side=1)
    def score(pair, add=0.0):
        traced.append(add)
        return tf.reduce_mean(pair.reference.planes - pair.distorted.planes, (1, 2, 3)) + add

    for height in (5, 9, 14):
        for count in (1, 4):
            reference, distorted = (
                np.full((count, height, 7, 3), 9, np.uint8),
                np.full((count, height, 7, 3), 4, np.uint8),
            )
            np.testing.assert_allclose(evaluate("counted", reference, distorted), [5] * count)
    assert traced == [0.0]
    np.testing.assert_allclose(evaluate("counted", reference, distorted, add=2.0), [7] * 4)
    assert traced == [0.0, 2.0]


def test_tables_are_those_of_the_size_known_or_not(own_measures):
    def ramp(height, width):
        return np.outer(np.arange(height), np.arange(width)) / (height * width)

    @measure("ramped", low=None, high=None, higher_is_better=True, smallest_side=1, tables=(ramp,))
    def score(pair):
        return tf.reduce_sum(pair.reference.planes[:, 0] * pair.reference.table(ramp), (1, 2))

    unknown = tf.function(
        lambda p: evaluate("ramped", p, p), input_signature=[tf.TensorSpec([None, None, None, 3], tf.float64)]
    )
    for height, width in ((5, 7), (8, 3), (5, 7)):
        pictures = np.random.default_rng(0).uniform(size=(2, height, width, 3))
        expected = (pictures[..., 0] * ramp(height, width)).sum((1, 2))
        for function in (lambda p: evaluate("ramped", p, p), unknown, tf.function(lambda p: evaluate("ramped", p, p))):
            np.testing.assert_allclose(function(tf.constant(pictures)), expected, rtol=1e-12)


def test_what_is_derived_is_derived_once(own_measures):
    calls = []

    def brightness(picture):
        calls.append(picture)
        return tf.reduce_mean(picture.planes, (1, 2, 3))

    def difference(pair):
        calls.append(pair)
        reference, distorted = pair.both(brightness)
        return reference - distorted

    for name in ("first", "second"):

        @measure(name, low=None, high=None, higher_is_better=True, smallest_side=1)
        def score(pair):
            return pair.get(difference) + pair.reference.get(brightness)

    scores = evaluate_all(("first", "second"), np.full((4, 4, 3), 9.0), np.full((4, 4, 3), 4.0))
    assert {name: float(value) for name, value in scores.items()} == {"first": 14, "second": 14}
    assert len(calls) == 3


def test_options_belong_to_their_measure(expected):
    reference, distorted = scene_pairs(40, 52)
    plain = evaluate_all(("gmsd",), reference, distorted)["gmsd"]
    other = evaluate_all(("gmsd",), reference, distorted, {"gmsd": {"grey": "y_float"}})["gmsd"]
    np.testing.assert_allclose(plain, expected, rtol=1e-5)
    assert np.abs(plain - other).max() > 1e-7


def test_inside_a_graph(expected):
    reference, distorted = scene_pairs(40, 52)
    np.testing.assert_allclose(tf.function(gmsd)(reference, distorted), expected, rtol=1e-5)
    np.testing.assert_allclose(tf.function(gmsd, jit_compile=True)(reference, distorted), expected, rtol=1e-5)
    single = tf.TensorSpec([None, None, 3], tf.uint8)
    found = tf.function(gmsd, input_signature=[single, single])(reference[0], distorted[0])
    assert found.shape == ()
    assert float(found) == pytest.approx(expected[0], rel=1e-5)


def test_in_a_data_pipeline_of_pictures_of_all_sizes():
    pairs = [scene_pair(height, width) for height, width in ((40, 52), (33, 31), (64, 20))]
    spec = tf.TensorSpec([None, None, 3], tf.uint8)
    pipeline = tf.data.Dataset.from_generator(lambda: pairs, output_signature=(spec, spec)).map(
        gmsd, num_parallel_calls=2
    )
    np.testing.assert_allclose(list(pipeline), [float(gmsd(*pair)) for pair in pairs], rtol=1e-5)


def test_scale_and_properties():
    entry = MEASURES.get("gmsd").value
    assert (entry.scale.low, entry.scale.high, entry.scale.higher_is_better) == (0, None, False)
    assert entry.is_symmetric
    assert entry.checked == "the authors' code"


@pytest.mark.parametrize("name", ["mdsi", "psnr", "vsi"])
@pytest.mark.parametrize("size", [(60, 80), (1, 1)])
def test_one_size_known_and_the_other_another(name, size):
    reference = tf.zeros((40, 40, 3), tf.uint8)
    measure = getattr(full_reference, name)
    specification = [tf.TensorSpec([None, None, 3], tf.uint8)]
    run = tf.function(lambda x: measure(reference, x), input_signature=specification, autograph=False)
    assert np.isfinite(run(np.ones((40, 40, 3), np.uint8)))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"one size|expected shape"):
        run(np.zeros((*size, 3), np.uint8))


def test_channels_that_the_graph_learns_as_it_runs():
    specification = [tf.TensorSpec([None] * 4, tf.uint8)] * 2
    run = tf.function(full_reference.mdsi, input_signature=specification, autograph=False)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 4), np.uint8)
    assert run(pictures[..., :3], pictures[..., :3]).shape == (3,)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        run(pictures, pictures)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sssim": {"grey": "y_float"}}, "unknown measure 'sssim'"),
        ({"ssim": {"grey": "y_float"}}, "options for ssim, which is not among the measures: gmsd"),
        ({"gmsd": {"gray": "y_float"}}, "unknown option of gmsd 'gray'; did you mean 'grey'"),
    ],
)
def test_options_that_no_measure_takes(options, text):
    picture = np.zeros((20, 20, 3))
    with pytest.raises(InvalidInput, match=text):
        full_reference.measure_all(picture, picture, measures=("gmsd",), options=options)


def test_a_basis_of_another_shape_in_measure_all():
    picture = np.zeros((20, 20, 3))
    with pytest.raises(InvalidInput, match=r"basis must be \(8, 192\)\. Received: \(192, 8\)"):
        full_reference.measure_all(picture, picture, measures="sff", options={"sff": {"basis": np.ones((192, 8))}})


@pytest.mark.parametrize("pictures", [None, [np.zeros((20, 20, 3)), np.zeros((30, 20, 3))]])
def test_what_is_no_batch_of_pictures(pictures):
    with pytest.raises(InvalidInput, match="the distorted must be pictures of one size"):
        full_reference.gmsd(np.zeros((20, 20, 3)), pictures)
