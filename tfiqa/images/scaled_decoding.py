"""How far a JPEG can be reduced while it is decoded, for a resize policy that asks for a small picture.

libjpeg makes 4x4, 2x2 or 1x1 pixels of a block of 8x8 coefficients for little more than the time of reading the
coefficients. Such a picture is not what a filter would make of the whole one, but once scaled down by at least `SPARE` more
it hardly differs: `tools/benchmark_scaled_decoding.py` prints by how much.
"""

from __future__ import annotations

from tfiqa.images.resize import ResizePolicy

REDUCTIONS = (8, 4, 2)  # libjpeg knows further ones, Pillow's and TensorFlow's decoders these
SPARE = 2  # a reduced picture has at least so many times the size wanted; `Image.thumbnail` of Pillow has the same


def jpeg_reduction(policy: ResizePolicy, height: int, width: int) -> int:
    """The largest reduction, 8, 4 or 2, that leaves `SPARE` times the size that a policy makes of a picture; 1 if none does.

    Args:
        policy: one that scales, "shorter_side" or "stretch".
        height: rows of the picture as stored.
        width: its columns.
    """
    rows, columns = policy.output_size(height, width)
    for reduction in REDUCTIONS:
        if height >= SPARE * reduction * rows and width >= SPARE * reduction * columns:
            return reduction
    return 1
