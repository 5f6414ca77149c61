"""How a measure is declared, and how two pictures reach it: from Python, inside a tf.function, or in tf.data.

A measure is a function of a `Pair`; what it shares with others it asks its pictures for (`Picture.get`). Called with
arrays, it runs as one graph that takes pictures of any size, traced once; arrays that depend on the size alone (filter
banks, resize matrices) are made in NumPy, kept, and handed in.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.picture import Picture, Remembering, Table
from tfiqa.registry import Registry, unknown_name
from tfiqa.score_scale import ScoreScale

PIXELS_AT_ONCE = 2**20  # of a batch; five pictures of 512x384 (tools/benchmark_full_reference.py)
KEPT_TABLES = 128  # about ten for each picture size; those of one size take about 4 MB at 512x384

T = TypeVar("T")


class Pair(Remembering):
    """Reference and distorted pictures of one size; one of them may be a single picture that meets many."""

    def __init__(self, reference: Picture, distorted: Picture) -> None:
        super().__init__()
        self.reference, self.distorted = reference, distorted

    def both(self, derive: Callable[[Picture], T]) -> tuple[T, T]:
        """What is derived from the reference, and from the distorted pictures."""
        return self.reference.get(derive), self.distorted.get(derive)


@dataclass(frozen=True)
class Measure:
    """A full-reference measure.

    Args:
        score: takes a `Pair` and the measure's options, gives (N,) scores.
        scale: range and direction.
        smallest_side: pixels; on smaller pictures the measure has no value.
        tables: the functions whose arrays it asks `Picture.table` for.
        is_symmetric: whether the two pictures may be exchanged.
        checked: against what the values were checked.
    """

    score: Callable[..., tf.Tensor]
    scale: ScoreScale
    smallest_side: int
    tables: tuple[Table, ...]
    is_symmetric: bool
    checked: str


MEASURES: Registry[Measure] = Registry("measure")


def measure(
    name: str,
    *,
    low: float | None,
    high: float | None,
    higher_is_better: bool,
    smallest_side: int,
    tables: tuple[Table, ...] = (),
    is_symmetric: bool = True,
    checked: str = "the authors' code",
    unit: str | None = None,
) -> Callable[[Callable[..., tf.Tensor]], Callable[..., tf.Tensor]]:
    """Decorator that enters a function of a `Pair` as the measure of that name. Arguments as in `ScoreScale` and `Measure`."""

    def enter(score: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        scale = ScoreScale(low, high, higher_is_better, unit or name)
        MEASURES.register(name)(Measure(score, scale, smallest_side, tables, is_symmetric, checked))
        return score

    return enter


def evaluate(name: str, reference: Any, distorted: Any, **options: Any) -> tf.Tensor:
    """The scores of one measure; the public functions call it. Arguments and errors as in `evaluate_all`."""
    return evaluate_all((name,), reference, distorted, {name: options})[name]


def evaluate_all(
    names: Sequence[str], reference: Any, distorted: Any, options: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, tf.Tensor]:
    """The scores of several measures, what they have in common computed once.

    Args:
        names: measures.
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255; one picture may meet N distorted ones.
        distorted: the same size.
        options: keyword arguments by measure.

    Returns:
        By name, (N,) scores, or a scalar when both are single pictures; float64 when both inputs are, else float32.

    Raises:
        InvalidInput: other shapes, sizes that differ, a picture too small for a measure, or an option that it does not
            have. Where a graph learns sizes as it runs, it stops with TensorFlow's InvalidArgumentError instead.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    reference, distorted = _tensor("reference", reference), _tensor("distorted", distorted)
    is_single = reference.shape.rank == distorted.shape.rank == 3
    reference, distorted = (x[None] if x.shape.rank == 3 else x for x in (reference, distorted))
    _check_sizes(names, reference, distorted)
    options = _checked_options(names, options or {})
    dtype = tf.float64 if reference.dtype == distorted.dtype == tf.float64 else tf.float32
    if None in (*reference.shape[1:3], *distorted.shape[1:3]):
        reference, distorted = _checked_as_it_runs(names, reference, distorted)
    height, width = reference.shape[1:3]
    builders = _builders(names)
    if height is None or width is None:
        size = tf.shape(reference)[1:3]
        tables = {key: _table_in_graph(build, size, dtype) for key, build in builders.items()}
    else:
        tables = {key: _kept_table(build, height, width, dtype) for key, build in builders.items()}
    if tf.executing_eagerly() and 0 in (reference.shape[0], distorted.shape[0]):
        scores = {name: tf.zeros(0, dtype) for name in names}
    elif tf.executing_eagerly():
        graph = _compiled(names, options, reference.dtype, distorted.dtype)
        pieces = [graph(*piece, tables) for piece in _pieces(reference, distorted)]
        scores = pieces[0] if len(pieces) == 1 else {name: tf.concat([p[name] for p in pieces], 0) for name in names}
    else:
        scores = _score(names, options, dtype, reference, distorted, tables)
    return {name: value[0] for name, value in scores.items()} if is_single else scores


def _pieces(reference: tf.Tensor, distorted: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """The pictures, so many at a time that their planes stay in caches and in memory that malloc keeps."""
    height, width = reference.shape[1:3]
    count = max(reference.shape[0], distorted.shape[0])
    step = max(1, PIXELS_AT_ONCE // (height * width))
    if count <= step:
        return [(reference, distorted)]

    def piece(pictures: tf.Tensor, start: int) -> tf.Tensor:
        return pictures if pictures.shape[0] == 1 else pictures[start : start + step]

    return [(piece(reference, start), piece(distorted, start)) for start in range(0, count, step)]


def _checked_options(names: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The options of each measure, frozen. Raises InvalidInput for one that the measure does not have."""
    for name, given in options.items():
        known = list(inspect.signature(MEASURES.get(name).value.score).parameters)[1:]
        if name not in names:
            raise InvalidInput(f"options for {name}, which is not among the measures: {', '.join(names)}")
        for option in given:
            if option not in known:
                raise InvalidInput(unknown_name(f"option of {name}", option, known))
    return {name: {key: _frozen(value) for key, value in options.get(name, {}).items()} for name in names}


def _frozen(value: Any) -> Any:
    """An option as part of a graph's key: arrays as nested tuples of their values."""
    if isinstance(value, (np.ndarray, list, tf.Tensor)):
        value = np.asarray(value, np.float64)
        return tuple(map(_frozen, value)) if value.ndim else float(value)
    return value


def _tensor(role: str, pixels: Any) -> tf.Tensor:
    try:
        pixels = tf.convert_to_tensor(pixels)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"the {role} must be pictures of one size. Received: {type(pixels).__name__}") from error
    if pixels.shape.rank not in (3, 4) or pixels.shape[-1] not in (3, None):
        raise InvalidInput(f"the {role} must be (N, H, W, 3) or (H, W, 3), RGB 0..255. Received: {pixels.shape}")
    if not (pixels.dtype.is_floating or pixels.dtype.is_integer):
        raise InvalidInput(f"the {role} must be numbers 0..255. Received: {pixels.dtype.name}")
    pixels = tf.ensure_shape(pixels, [*[None] * (pixels.shape.rank - 1), 3])
    return pixels if pixels.dtype in (tf.uint8, tf.float64) else tf.cast(pixels, tf.float32)


def _check_sizes(names: Sequence[str], reference: tf.Tensor, distorted: tf.Tensor) -> None:
    one, other = reference.shape.as_list(), distorted.shape.as_list()
    unequal = [axis for axis in (1, 2) if None not in (one[axis], other[axis]) and one[axis] != other[axis]]
    if unequal or (None not in (one[0], other[0]) and one[0] != other[0] and 1 not in (one[0], other[0])):
        raise InvalidInput(f"reference and distorted must have one size. Received: {tuple(one)} and {tuple(other)}")
    known = [side for side in (one[1] or other[1], one[2] or other[2]) if side is not None]
    for name in names:
        smallest = MEASURES.get(name).value.smallest_side
        if known and min(known) < smallest:
            raise InvalidInput(f"{name} needs sides of at least {smallest} pixels. Received: {min(known)}")


def _checked_as_it_runs(
    names: Sequence[str], reference: tf.Tensor, distorted: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pictures of which a graph learns the size as it runs; it stops where `_check_sizes` would raise. What is known of the
    one's size is then known of the other's."""
    one, other = tf.shape(reference)[1:3], tf.shape(distorted)[1:3]
    smallest = max(MEASURES.get(name).value.smallest_side for name in names)
    checks = [
        tf.debugging.assert_equal(one, other, "reference and distorted must have one size"),
        tf.debugging.assert_greater_equal(one, smallest, f"sides of at least {smallest} pixels are needed"),
    ]
    known = [side or other for side, other in zip(reference.shape[1:3], distorted.shape[1:3], strict=True)]
    with tf.control_dependencies(checks):
        return tuple(tf.ensure_shape(tf.identity(x), [x.shape[0], *known, 3]) for x in (reference, distorted))


def _builders(names: Sequence[str]) -> dict[str, Table]:
    """The functions whose arrays the measures ask for, by their names."""
    return {build.__name__: build for name in names for build in MEASURES.get(name).value.tables}


def _unknown_sides(build: Table) -> list[None]:
    """The shape of a table for pictures of any size."""
    return [None] * np.ndim(build(64, 64))


@functools.lru_cache(maxsize=KEPT_TABLES)
def _kept_table(build: Table, height: int, width: int, dtype: tf.DType) -> tf.Tensor:
    with tf.init_scope():  # a table made while a graph is traced belongs to no graph
        return tf.constant(build(height, width), dtype)


def _table_in_graph(build: Table, size: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The table of a size that is not known before the graph runs, as in a tf.data pipeline over pictures of all sizes."""
    table = tf.numpy_function(lambda hw: np.asarray(build(int(hw[0]), int(hw[1])), np.float64), [size], tf.float64)
    return tf.cast(tf.ensure_shape(table, _unknown_sides(build)), dtype)


_graphs: dict[Any, Callable[..., dict[str, tf.Tensor]]] = {}


def _compiled(
    names: Sequence[str], options: Mapping[str, Mapping[str, Any]], *dtypes: tf.DType
) -> Callable[..., dict[str, tf.Tensor]]:
    """The graph for these measures that takes pictures of any size, traced at its first use."""
    key = (tuple(names), tuple((name, *sorted(options[name].items())) for name in names), dtypes)
    if key not in _graphs:
        dtype = tf.float64 if set(dtypes) == {tf.float64} else tf.float32
        pictures = [tf.TensorSpec([None, None, None, 3], each) for each in dtypes]
        tables = {key: tf.TensorSpec(_unknown_sides(build), dtype) for key, build in _builders(names).items()}
        run = tf.function(functools.partial(_score, tuple(names), options, dtype), autograph=False)
        _graphs[key] = run.get_concrete_function(*pictures, tables)
    return _graphs[key]


def _score(
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    dtype: tf.DType,
    reference: tf.Tensor,
    distorted: tf.Tensor,
    tables: Mapping[str, tf.Tensor],
) -> dict[str, tf.Tensor]:
    pair = Pair(Picture(reference, tables, dtype), Picture(distorted, tables, dtype))
    scores: dict[str, tf.Tensor] = {}
    for name in names:
        # One after the other: each uses all processors anyway, and large pictures need the memory of one at a time.
        with tf.control_dependencies(scores.values()):
            scores[name] = MEASURES.get(name).value.score(pair, **options[name])
    return scores
