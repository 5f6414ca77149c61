"""Types 9 and 10: through Pillow's codecs, libjpeg-turbo and OpenJPEG.

MATLAB's JPEG is a libjpeg, too. Its JPEG 2000 coder is another one: the same rate, not the same pixels.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from tfiqa.distortions.family import Call, Picture, distortion, to_bytes


@distortion("jpeg2000")
def jpeg2000(call: Call) -> Picture:
    """The irreversible 9/7 wavelet at a compression ratio."""
    options = {"irreversible": True, "quality_mode": "rates", "quality_layers": [call.amount]}
    return _coded(call.picture, "JPEG2000", **options)


@distortion("jpeg")
def jpeg(call: Call) -> Picture:
    """Baseline JPEG with the standard tables, chroma at half the size."""
    return _coded(call.picture, "JPEG", quality=int(call.amount), subsampling="4:2:0")


def _coded(picture: Picture, form: str, **options: Any) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(to_bytes(picture)).save(stream, form, **options)
    with Image.open(stream) as image:
        return np.asarray(image) / 255.0
