"""The models as functional Keras graphs, registered by name. Importing this package loads neither Keras nor TensorFlow."""

from tfiqa.models import dcnns, deepfl, paq2piq, resnet_classifier, spaq, tfiqa_small, unique  # noqa: F401  (they register their models)
from tfiqa.models.baselines import cnniqa, dbcnn, nima  # noqa: F401
from tfiqa.models.model_info import MODELS, ModelInfo, ModelSpec

__all__ = ["MODELS", "ModelInfo", "ModelSpec"]
