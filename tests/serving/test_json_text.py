"""Numbers and shortened values as JSON text."""

import numpy as np
import pytest

from tfiqa.serving.server.json_text import decimal_texts, shortened_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3.0"),
        (9e6, "9e+06"),
        (0.2, "0.2"),
        (2**24, "16777216.0"),
        (888888, "888888.0"),
        (0.0004, "0.0004"),
        (6e-5, "6e-05"),
        (-0.0, "-0.0"),
        (1 / 3, "0.333333343"),
        (np.nan, "NaN"),
        (np.inf, "Infinity"),
        (-np.inf, "-Infinity"),
    ],
)
def test_float32_text(value, text):
    assert decimal_texts(np.array([value], np.float32)) == [text]


def test_every_float_reads_back_exactly_and_never_as_an_integer():
    rng = np.random.default_rng(0)
    for dtype, bits in ((np.float32, np.uint32), (np.float64, np.uint64)):
        values = rng.integers(0, np.iinfo(bits).max, 3000, dtype=bits).view(dtype)
        values = values[np.isfinite(values)]
        texts = decimal_texts(values)
        assert all("." in text or "e" in text for text in texts)
        assert np.array_equal(np.array([float(text) for text in texts]).astype(dtype), values)


def test_few_numbers_read_as_many_do():
    rng = np.random.default_rng(1)
    for dtype, bits in ((np.float32, np.uint32), (np.float64, np.uint64)):
        limits = np.finfo(dtype)
        ends = np.array([limits.max, limits.min, limits.tiny, limits.smallest_subnormal, np.nan, np.inf, 7, 0.1], dtype)
        values = np.concatenate([ends, rng.integers(0, np.iinfo(bits).max, 500, dtype=bits).view(dtype)])
        assert [text for value in values for text in decimal_texts(value.reshape(1))] == decimal_texts(values)


def test_values_in_error_texts_are_cut():
    assert shortened_json({"a": [1, 1.0, None, True, 'x"', {}]}) == '{"a": [1, 1.0, null, true, "x\\"", {}]}'
    assert shortened_json("b" * 10**6) == '"' + "b" * 255 + "..."
    assert len(shortened_json(list(range(10**6)))) < 300
    assert shortened_json(10**400) == "Infinity"
