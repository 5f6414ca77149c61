"""BRISQUE: statistics of a picture's locally normalised luminance, and a support-vector regression of opinions on them.

Reference: A. Mittal, A. K. Moorthy, A. C. Bovik, "No-Reference Image Quality Assessment in the Spatial Domain", IEEE Trans. Image
Processing 21(12), 2012. `features` equals the authors' MATLAB code to 1e-6 and better; only where a picture has flat regions, on
which that code depends on the order of its sums, do they differ (`natural_scene_statistics.ZERO`). MATLAB's own function
`brisque` has another border and another model, and other values.

`fit` trains a model, `load` reads one, also the authors'; `BrisqueModel.score` scores a picture.
"""

from tfiqa.models.baselines.brisque_features import brisque_features as features
from tfiqa.models.baselines.brisque_model import BrisqueModel, load
from tfiqa.models.baselines.brisque_training import Setting, fit, search

__all__ = ["BrisqueModel", "Setting", "features", "fit", "load", "search"]
