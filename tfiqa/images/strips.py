"""Planes (n, H, W) worked on strip after strip, so that a large picture takes no more memory than a small one."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from tfiqa.images.filters import sides

STRIP_PIXELS = 1 << 19  # smaller planes are one strip
SHORTEST_STRIP = 64  # rows: the more there are, the less the rows count that neighbouring strips have in common


class Strips:
    """Planes of one size, cut into strips of rows: a last one, and before it `whole` ones of `rows` rows each, perhaps none.

    The last strip is worked on outside the loop over the others: what was made for it can be kept, and a plane that is one
    strip costs nothing more than without strips.

    Args:
        planes: (n, H, W); n may be 1 for some of them. A plane with fewer rows lacks as many at the top as at the bottom.
        edge: rows of the first plane on either side of a strip, beyond its own, that its values depend on. Those at the
            plane's upper and lower ends belong to no strip.
        may_cut: False for planes that are small enough in any case: one strip, and a graph without loops.
    """

    def __init__(self, planes: tuple[tf.Tensor, ...], edge: int, *, may_cut: bool = True) -> None:
        self.planes = planes
        height, width = sides(planes[0])
        self.height = height - 2 * edge
        self.edges = [sides(plane)[0] - self.height for plane in planes]  # above and below together
        counts = [plane.shape[0] if plane.shape[0] is not None else tf.shape(plane)[0] for plane in planes]
        area = width * functools.reduce(_larger, counts)
        self.rows = _larger(SHORTEST_STRIP, STRIP_PIXELS // area)
        self.whole = (self.height - 1) // self.rows if may_cut else 0

    def last(self) -> tuple[tf.Tensor, ...]:
        """The planes' last strip, edges included."""
        return self._cut(self.whole * self.rows, self.height - self.whole * self.rows)

    def sum(self, function: Callable[..., tuple[tf.Tensor, ...]], last: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        """The sums of what `function` makes of each strip's planes; `last` is what it made of the last one."""
        if self._is_one:
            return last

        def add(index: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
            found = function(*self._cut(index * self.rows, self.rows))
            return index + 1, *(old + new for old, new in zip(sums, found, strict=True))

        start = (tf.constant(0), *last)
        return tf.while_loop(lambda index, *_: index < self.whole, add, start, maximum_iterations=self.whole)[1:]

    def join(self, function: Callable[..., tf.Tensor], last: tf.Tensor) -> tf.Tensor:
        """The planes (n, H - 2 edge, ...) whose rows `function` makes of each strip's planes; `last` are the last strip's."""
        if self._is_one:
            return last

        def loop() -> tf.Tensor:
            found = tf.map_fn(
                lambda index: function(*self._cut(index * self.rows, self.rows)),
                tf.range(self.whole),
                fn_output_signature=last.dtype,
                parallel_iterations=1,
            )
            found = tf.transpose(found, (1, 0, 2, 3))
            return tf.reshape(found, (tf.shape(last)[0], self.whole * self.rows, tf.shape(last)[2]))

        before = loop() if isinstance(self.whole, int) else tf.cond(self.whole > 0, loop, lambda: last[:, :0])
        return tf.concat([before, last], 1)

    @property
    def _is_one(self) -> bool:
        return isinstance(self.whole, int) and self.whole == 0

    def _cut(self, first: int | tf.Tensor, count: int | tf.Tensor) -> tuple[tf.Tensor, ...]:
        # With a size that is known, tf.slice can be compiled by XLA; a slice in brackets from `first` on cannot.
        return tuple(
            tf.slice(plane, (0, first, 0), (tf.shape(plane)[0], count + edge, tf.shape(plane)[2]))
            for plane, edge in zip(self.planes, self.edges, strict=True)
        )


def _larger(one: int | tf.Tensor, other: int | tf.Tensor) -> int | tf.Tensor:
    return max(one, other) if isinstance(one, int) and isinstance(other, int) else tf.maximum(one, other)
