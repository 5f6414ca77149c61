"""`resize` in TensorFlow operations, bit for bit: Pillow's 8-bit resampling arithmetic, restated.

Pillow scales in two passes, each to 8-bit samples. A pass sums samples times integer weights (real weights times
2**22, rounded), so any arithmetic that keeps the integers exact gives the same bytes. Here each pass is a matrix
product in float64, exact as long as the sums stay below 2**53 (they reach 2**30). The matrix is a narrow band, and is
applied in blocks of a few output samples, each with the window of input samples that it draws on.
"""

from __future__ import annotations

import tensorflow as tf

from tfiqa.images.resize import ResizePolicy

WEIGHT_BITS = 22  # Pillow's PRECISION_BITS for 8-bit samples: 32 - 8 - 2

# Output samples a block, by trial on 4000 x 3000 to 682 x 512 with two cores: columns pay for three interleaved
# channels, so that narrow blocks win; rows hardly care.
COLUMN_BLOCK = 4
ROW_BLOCK = 8


@tf.autograph.experimental.do_not_convert
def resize_graph(picture: tf.Tensor, policy: ResizePolicy) -> tf.Tensor:
    """`ResizePolicy.apply`.

    Args:
        picture: uint8 (H,W,3) of any, also unknown, size.
        policy: the policy.

    Returns:
        uint8 (H,W,3) of the policy's size.

    Raises:
        tf.errors.InvalidArgumentError: when run, for "pad", a picture larger than the square.
    """
    if policy.kind == "native":
        return picture
    height, width = tf.unstack(tf.shape(picture)[:2])
    if policy.kind == "pad":
        return _padded(policy, picture, height, width)
    if policy.kind == "stretch":
        resized = resize_bilinear_graph(picture, tf.constant(policy.size), tf.constant(policy.size))
        return tf.ensure_shape(resized, [policy.size, policy.size, 3])
    shorter = tf.minimum(height, width)
    return tf.cond(
        shorter >= policy.size,
        lambda: resize_bilinear_graph(picture, policy.size * height // shorter, policy.size * width // shorter),
        lambda: tf.identity(picture),
    )


@tf.autograph.experimental.do_not_convert
def resize_bilinear_graph(
    picture: tf.Tensor, height: tf.Tensor, width: tf.Tensor, extent: tuple[tf.Tensor, tf.Tensor] | None = None
) -> tf.Tensor:
    """`resize.resize_bilinear`, that is, Pillow's filter with the columns done first.

    Args:
        picture: uint8 (H,W,3).
        height: int32 scalar, rows wanted.
        width: int32 scalar, columns wanted.
        extent: float64 scalars, rows and columns of the picture that are scaled, fewer than there are by less than one
            each, to fewer than there are; by default all, to any number.

    Returns:
        uint8 (height,width,3).
    """
    if extent is not None:
        columns_done = _resize_columns(picture, width, extent[1])
        return tf.ensure_shape(_resize_rows(columns_done, height, extent[0]), [None, None, 3])
    before = tf.shape(picture)
    columns_done = tf.cond(width == before[1], lambda: tf.identity(picture), lambda: _resize_columns(picture, width))
    resized = tf.cond(
        height == before[0], lambda: tf.identity(columns_done), lambda: _resize_rows(columns_done, height)
    )
    return tf.ensure_shape(resized, [None, None, 3])


def _resize_columns(picture: tf.Tensor, width: tf.Tensor, extent: tf.Tensor | None = None) -> tf.Tensor:
    height, before = tf.unstack(tf.shape(picture)[:2])
    starts, weights = _blocks(before, width, COLUMN_BLOCK, extent)
    count, window = tf.unstack(tf.shape(weights)[:2])
    channels = tf.eye(3, dtype=tf.float64)
    interleaved = weights[:, :, tf.newaxis, :, tf.newaxis] * channels[:, tf.newaxis, :]
    interleaved = tf.reshape(interleaved, [count, 3 * window, 3 * COLUMN_BLOCK])
    rows = tf.reshape(picture, [height, 3 * before])

    def block(start_and_weights: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        start, weight = start_and_weights
        samples = rows[:, 3 * start : 3 * (start + window)]
        return _rounded(tf.matmul(tf.cast(samples, tf.float64), weight))

    blocks = tf.map_fn(block, (starts, interleaved), fn_output_signature=tf.uint8)
    return tf.reshape(tf.transpose(blocks, [1, 0, 2]), [height, count * COLUMN_BLOCK, 3])[:, :width]


def _resize_rows(picture: tf.Tensor, height: tf.Tensor, extent: tf.Tensor | None = None) -> tf.Tensor:
    before, width = tf.unstack(tf.shape(picture)[:2])
    starts, weights = _blocks(before, height, ROW_BLOCK, extent)
    count, window = tf.unstack(tf.shape(weights)[:2])
    rows = tf.reshape(picture, [before, 3 * width])

    def block(start_and_weights: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        start, weight = start_and_weights
        samples = rows[start : start + window]
        return _rounded(tf.matmul(weight, tf.cast(samples, tf.float64), transpose_a=True))

    blocks = tf.map_fn(block, (starts, weights), fn_output_signature=tf.uint8)
    return tf.reshape(blocks, [count * ROW_BLOCK, width, 3])[:height]


def _weights(before: tf.Tensor, after: tf.Tensor, extent: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Pillow's triangle filter from the first `extent` of `before` samples, by default all, to `after`.

    Returns:
        Per output sample the first input sample and the one after the last, int32 (after,), and the integer weights of
        the input samples from the first on, float64 (taps, after), zero past the last.
    """
    scale = (tf.cast(before, tf.float64) if extent is None else extent) / tf.cast(after, tf.float64)
    support = tf.maximum(scale, 1.0)
    taps = 2 * tf.cast(tf.math.ceil(support), tf.int32) + 1
    center = (tf.cast(tf.range(after), tf.float64) + 0.5) * scale
    first = tf.maximum(tf.cast(center - support + 0.5, tf.int32), 0)
    stop = tf.minimum(tf.cast(center + support + 0.5, tf.int32), before)
    position = first + tf.range(taps)[:, tf.newaxis]
    distance = tf.abs((tf.cast(position, tf.float64) - center + 0.5) * (1.0 / support))
    weights = tf.where((distance < 1.0) & (position < stop), 1.0 - distance, 0.0)
    total = tf.foldl(tf.add, weights)  # in order, as Pillow sums: another order may round to other weights
    return first, stop, tf.floor(0.5 + weights / total * 2.0**WEIGHT_BITS)


def _blocks(before: tf.Tensor, after: tf.Tensor, size: int, extent: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
    """The band of weights cut into blocks of `size` output samples, the last one filled up with repetitions.

    Returns:
        The first input sample of each block's window, int32 (blocks,), and its weights, float64 (blocks, window, size).
    """
    first, stop, weights = _weights(before, after, extent)
    count = -(-after // size)
    sample = tf.minimum(tf.reshape(tf.range(count * size), [count, size]), after - 1)
    first, stop = tf.gather(first, sample), tf.gather(stop, sample)
    window = tf.reduce_max(stop[:, -1] - first[:, 0])
    start = tf.minimum(first[:, 0], before - window)
    tap = start[:, tf.newaxis, tf.newaxis] + tf.range(window)[:, tf.newaxis] - first[:, tf.newaxis, :]
    inside = (tap >= 0) & (tap < tf.shape(weights)[0])
    place = tf.stack([tf.where(inside, tap, 0), tf.broadcast_to(sample[:, tf.newaxis, :], tf.shape(tap))], -1)
    return start, tf.where(inside, tf.gather_nd(weights, place), 0.0)


def _rounded(sums: tf.Tensor) -> tf.Tensor:
    # Triangle weights are positive and sum to 2**22 but for their rounding, so that no sum leaves 0..255.
    return tf.cast(tf.floor((sums + 2.0 ** (WEIGHT_BITS - 1)) * 2.0**-WEIGHT_BITS), tf.uint8)


def _padded(policy: ResizePolicy, picture: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    fits = tf.debugging.Assert(
        tf.maximum(height, width) <= policy.size,
        [f"resize policy '{policy}' takes pictures of at most {policy.size} pixels a side, not", width, "x", height],
    )
    with tf.control_dependencies([fits]):
        top, left = (policy.size - height) // 2, (policy.size - width) // 2
    around = [[top, policy.size - height - top], [left, policy.size - width - left]]
    channels = [
        tf.pad(channel, around, constant_values=level)
        for channel, level in zip(tf.unstack(picture, 3, axis=-1), policy.color, strict=True)
    ]
    return tf.ensure_shape(tf.stack(channels, -1), [policy.size, policy.size, 3])
