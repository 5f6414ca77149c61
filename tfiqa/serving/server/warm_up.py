"""Warm-up: requests that lie beside a model and run before it serves, so that no client waits for what a first run prepares."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from tfiqa.serving.server.loaded_model import LoadedModel, without_deprecation_notice
from tfiqa.serving.server.metrics import WARMUP_LATENCY, Metrics
from tfiqa.serving.server.prediction_messages import (
    answer_classify,
    answer_multi_inference,
    answer_predict,
    answer_regress,
)
from tfiqa.serving.server.serving_api import prediction_log_pb2
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

logger = logging.getLogger(__name__)

REQUESTS_FILE: Final = Path("assets.extra", "tf_serving_warmup_requests")  # TensorFlow Serving's place for it
MAX_RECORDS: Final = 1000  # its limit

_ANSWERS: Final[dict[str, Callable[..., Any]]] = {
    "predict_log": answer_predict,
    "classify_log": answer_classify,
    "regress_log": answer_regress,
    "multi_inference_log": answer_multi_inference,
}


def warm_up(model: LoadedModel, *, iterations: int = 1, metrics: Metrics | None = None) -> int:
    """Runs the requests in a model's REQUESTS_FILE (TFRecords of PredictionLog), if there is one.

    Model names and versions in them are not looked at.

    Args:
        model: the model, which nobody else uses yet.
        iterations: how often each request is run; less than 1 counts as 1.
        metrics: the time taken goes there.

    Returns:
        The number of requests.

    Raises:
        StatusError: a request fails, the file is no TFRecord file (DATA_LOSS), or holds more than MAX_RECORDS.
    """
    path = model.folder / REQUESTS_FILE
    if not path.is_file():
        return 0
    begin, status = time.monotonic(), "OK"
    try:
        count = 0
        for count, log in enumerate(_logs(path), 1):
            if count > MAX_RECORDS:
                raise invalid_argument(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}")
            for _ in range(max(1, iterations)):
                _run(model, log)
    except StatusError as error:
        status = str(error)
        raise
    finally:
        if metrics is not None:
            metrics.observe(WARMUP_LATENCY, (time.monotonic() - begin) * 1e6, (str(model.folder), status))
    logger.info("%s: %d warm-up requests in %.2f s", model.folder, count, time.monotonic() - begin)
    return count


def _logs(path: Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    try:
        with without_deprecation_notice():
            records = tf.compat.v1.io.tf_record_iterator(str(path))
        for record in records:
            yield prediction_log_pb2.PredictionLog.FromString(record)
    except tf.errors.DataLossError as error:
        message = f"{error.message}. Please verify your warmup data is in TFRecord format."
        raise StatusError(Code.DATA_LOSS, message) from error
    except tf.errors.OpError as error:
        raise StatusError(Code(error.error_code), error.message) from error
    except DecodeError as error:
        raise invalid_argument(f"Failed to parse warmup record: {record[:100]!r} from {path}") from error


def _run(model: LoadedModel, log: prediction_log_pb2.PredictionLog) -> None:
    kind = log.WhichOneof("log_type")
    if kind not in _ANSWERS:
        raise StatusError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
    _ANSWERS[kind](getattr(log, kind).request, 0, model, partial(model.run, seconds=math.inf))
