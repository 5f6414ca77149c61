"""Kernels of types 1 to 3 against slow versions of them."""

import math

import numpy as np
import pytest
from scenes import scene
from scipy.ndimage import correlate

from tfiqa import distortions
from tfiqa.distortions.blurs import disk, gaussian, line


def dense(picture, kernel):
    return np.stack([correlate(picture[..., c], kernel, mode="nearest") for c in range(3)], axis=-1)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1, 2.3])
def test_gaussian_is_the_dense_one(sigma):
    radius = math.ceil(2 * sigma)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    kernel = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    picture = scene(0, 40, 50) / 255
    assert np.abs(gaussian(picture, sigma) - dense(picture, kernel / kernel.sum())).max() < 1e-14


@pytest.mark.parametrize("radius", [1, 2, 4, 6, 8])
def test_disk_is_the_area_that_a_circle_covers(radius):
    parts = 200
    places = (np.arange((2 * radius + 1) * parts) + 0.5) / parts - radius - 0.5
    inside = places[:, None] ** 2 + places**2 < radius**2
    area = inside.reshape(2 * radius + 1, parts, 2 * radius + 1, parts).mean((1, 3))
    assert np.abs(disk(radius) - area / area.sum()).max() < 1e-4
    assert abs(disk(radius).sum() - 1) < 1e-15


def test_disk_of_radius_one_is_the_known_one():
    corner, edge, middle = 0.025079, 0.145345, 0.318310
    known = [[corner, edge, corner], [edge, middle, edge], [corner, edge, corner]]
    assert np.abs(disk(1) - known).max() < 2e-6  # as far as the digits go


@pytest.mark.parametrize("length", [2, 4, 6, 10])
@pytest.mark.parametrize("angle", [0, 30, 45, 77, 90, 135, 179, 180, -45])
def test_line_runs_through_the_middle_at_the_angle(length, angle):
    kernel = line(length, angle)
    rows, columns = (side // 2 for side in kernel.shape)
    assert abs(kernel.sum() - 1) < 1e-12
    assert np.abs(kernel - kernel[::-1, ::-1]).max() < 1e-15
    y, x = np.mgrid[rows : -rows - 1 : -1, -columns : columns + 1]  # y upwards
    across = -x * math.sin(math.radians(angle)) + y * math.cos(math.radians(angle))
    along = x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle))
    # A pixel's weight falls linearly with its distance from the line, or from its end point beyond it.
    beyond = np.maximum(np.abs(along) - (length - 1) / 2, 0)
    weight = np.maximum(1 - np.hypot(across, beyond), 0)
    assert np.abs(kernel - weight / weight.sum()).max() < 0.02
    assert (kernel > 0).sum() >= length - 1


def test_length_one_is_no_blur():
    for angle in (0, 33, 90, 180):
        kernel = line(1, angle)
        assert kernel.shape == (1, 1)
        assert abs(kernel[0, 0] - 1) < 1e-15


def test_angles_are_counter_clockwise():
    picture = np.zeros((41, 41, 3), np.uint8)
    picture[20, 20] = 255
    blurred = distortions.apply("motion_blur", picture, 5, draw=45)[..., 0]
    rows, columns = np.nonzero(blurred > 100)
    assert np.corrcoef(rows, columns)[0, 1] < -0.9  # up to the right


@pytest.mark.parametrize(("name", "draw", "kernel"), [("lens_blur", None, disk(4)), ("motion_blur", 20, line(4, 20))])
def test_blurs_are_the_dense_ones(name, draw, kernel):
    picture = scene(5, 50, 60)
    picture[0, 0], picture[0, 1] = 0, 255
    expected = dense(picture / 255, kernel)
    expected = (expected - expected.min()) / np.ptp(expected)
    assert np.abs(distortions.apply(name, picture, 3, draw=draw) - 255 * expected).max() <= 0.5 + 1e-9
