"""GMSD, FSIM and FSIMc against what their authors published for pictures of TID2008.

TID2013 took over TID2008's references and distortions 1 to 17 and put a slighter level in front: its level 5 is TID2008's
level 4.
"""

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tfiqa import full_reference

PICTURES = ((1, 1), (3, 11), (19, 10))  # reference and distortion of the pictures at hand, all at level 5
LEVELS, DISTORTIONS = 4, 17  # of TID2008, in whose order the tables are


@pytest.mark.parametrize(("reference", "distortion"), PICTURES)
def test_pictures_of_tid2008(shared, reference, distortion):
    tables = shared / "data" / "metric_tables"
    row = ((reference - 1) * DISTORTIONS + distortion - 1) * LEVELS + LEVELS - 1
    gmsd = scipy.io.loadmat(tables / "GMSD_author_scores" / "GMSD_TID2008.mat")["GMSD_tid"][row, 0]
    fsim, fsimc, _ = scipy.io.loadmat(tables / "FSIM_author_scores" / "FSIMOnTID2008.mat")["FSIMOnTID2008"][row]
    folder = shared / "data" / "samples" / "tid2013_samples"
    paths = (
        folder / "reference_images" / f"I{reference:02}.BMP",
        folder / "distorted_images" / f"i{reference:02}_{distortion:02}_5.bmp",
    )
    pictures = [np.asarray(Image.open(path).convert("RGB"), np.float64) for path in paths]
    got = full_reference.measure_all(*pictures, measures=("gmsd", "fsim", "fsimc"))
    for name, published in (("gmsd", gmsd), ("fsim", fsim), ("fsimc", fsimc)):
        assert float(got[name]) == pytest.approx(published, abs=5e-8), name
