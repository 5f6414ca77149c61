"""CIE L*a*b* both ways."""

import numpy as np
from scenes import scene
from skimage.color import lab2rgb, rgb2lab

from tfiqa.distortions.lab import from_lab, to_lab


def test_known_colors():
    colors = np.array([[[1.0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]]])
    known = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]  # B. Lindbloom's calculator, D65
    assert np.abs(to_lab(colors)[0] - known).max() < 0.02


def test_agrees_with_scikit_image_within_the_difference_of_white_points():
    picture = scene(3) / 255
    ours = to_lab(picture)
    assert np.abs(ours - rgb2lab(picture)).max() < 0.03
    assert np.abs(from_lab(ours) - lab2rgb(ours)).max() < 0.002


def test_there_and_back():
    picture = np.random.default_rng(0).random((20, 30, 3))
    assert np.abs(from_lab(to_lab(picture)) - picture).max() < 1e-12


def test_negative_z_is_not_limited():
    strong = np.array([[[50.0, 0.0, 300.0]]])  # a yellow beyond the range: Z is negative
    fy = 66 / 116
    xyz = np.array([0.9504 * fy**3, fy**3, 1.0888 * (fy - 1.5 - 4 / 29) * 3 * (6 / 29) ** 2])
    blue = xyz @ [0.0557, -0.2040, 1.0570]  # of IEC 61966-2-1's matrix
    assert xyz[2] < 0
    assert abs(from_lab(strong)[0, 0, 2] - 12.92 * blue) < 0.01
    assert lab2rgb(strong)[0, 0, 2] == 0
