import numpy as np
import numpy_fsimc
import pytest
import tensorflow as tf
from distorted_scenes import scene_pairs

from tfiqa.full_reference.phase_congruency import PHASE_TABLES, log_gabor_filters, phase_congruency
from tfiqa.full_reference.picture import Picture


def congruency(pictures, dtype):
    height, width = pictures.shape[1:3]
    tables = {build.__name__: tf.constant(build(height, width), dtype) for build in PHASE_TABLES}
    return Picture(tf.constant(pictures), tables, dtype).get(phase_congruency).numpy()


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 5), (48, 50), (47, 50), (48, 51), (47, 51), (400, 420)])
def test_the_filters_are_products_of_a_radial_and_an_angular_part(height, width):
    bank = log_gabor_filters(height, width)
    reduced = (height, width) if height < 384 else (height // 2, width // 2)
    expected = numpy_fsimc.log_gabor_filters(*reduced)
    np.testing.assert_allclose(bank[4:, None] * bank[None, :4], expected, atol=1e-14)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (48, 50), (47, 50), (48, 51), (47, 51), (385, 400)])
def test_it_is_the_numpy_version(height, width):
    pictures = scene_pairs(height, width)[1]
    expected = [numpy_fsimc.phase_congruency(numpy_fsimc.luma(picture)) for picture in pictures]
    np.testing.assert_allclose(congruency(pictures, tf.float64), expected, atol=1e-10)
    np.testing.assert_allclose(congruency(pictures, tf.float32), expected, atol=2e-5)


def test_it_does_not_depend_on_contrast():
    picture = scene_pairs(60, 70)[0][:1].astype(float)
    np.testing.assert_allclose(congruency(picture, tf.float64), congruency(picture * 0.3 + 90, tf.float64), atol=1e-4)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("level", [0, 77.3, 255])
def test_a_flat_picture_has_none(level, dtype):
    np.testing.assert_array_equal(congruency(np.full((1, 30, 31, 3), level), dtype), np.zeros((1, 30, 31)))
