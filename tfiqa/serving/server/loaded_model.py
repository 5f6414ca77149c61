"""One version of a SavedModel in memory, run by TensorFlow's v1 session.

The session is the runtime class of TensorFlow Serving itself: it feeds by tensor name, releases the GIL during a run
and words op errors the same way, which `tf.saved_model.load` does not.
"""

from __future__ import annotations

import copy
import functools
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow.python.client import pywrap_tf_session as tf_session
from tensorflow.python.framework.ops import dismantle_graph

from tfiqa.serving.server.cheap_graphs import CALLER_THREAD, cheap_signatures, quick_request
from tfiqa.serving.server.model_folders import is_saved_model
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

SERVE_TAG: Final = "serve"
DEFAULT_SIGNATURE: Final = "serving_default"
RUN_TIMEOUT_SECONDS: Final = 30.0  # TensorFlow Serving's --rest_api_timeout_in_ms
MAX_PREPARED_RUNS: Final = 64  # of one version; clients choose subsets of its outputs, of which there are many

# TensorFlow's C++ runtime, hence its error texts, calls these three types differently from Python.
_SHORT_TYPE_NAMES: Final = {"float16": "half", "float32": "float", "float64": "double"}


@dataclass(frozen=True)
class TensorInfo:
    """A signature's input or output.

    Args:
        name: the tensor's name in the graph, such as "serving_default_x:0".
        dtype: its type.
        shape: its sizes, None where open; None as a whole when the rank is open.
    """

    name: str
    dtype: tf.DType
    shape: tuple[int | None, ...] | None

    @functools.cached_property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The type of arrays that hold such a tensor; strings are objects."""
        return np.dtype(self.dtype.as_numpy_dtype)


@dataclass(frozen=True)
class Signature:
    """A named function of a SavedModel; inputs and outputs are sorted by name.

    `defaults` holds values of inputs that a gRPC request may leave out, `method_name` what kind of function the file says it is.
    """

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method_name: str = ""
    defaults: Mapping[str, tensor_pb2.TensorProto] = field(default_factory=dict)


def type_name(dtype: tf.DType) -> str:
    """The type's name in error texts: "float", "int32", "string"."""
    return _SHORT_TYPE_NAMES.get(dtype.name, dtype.name)


class LoadedModel:
    """A loaded SavedModel version; `run` may be called from many threads at once.

    `definitions` holds the signatures as they stand in the file, `signatures` those of them that can be run; by name. `folder` is
    the version's; `is_cheap` tells whether all signatures are cheap, and `quick_request` is the longest request, in bytes, that
    they answer in no time (see `cheap_graphs`).

    Args:
        folder: the version's folder, which holds saved_model.pb.
        run_timeout_seconds: a run that takes longer ends in DEADLINE_EXCEEDED.
        tags: those of the graph in the file that is loaded, all of them.

    Raises:
        StatusError: the folder holds no SavedModel that can be loaded with these tags.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        run_timeout_seconds: float = RUN_TIMEOUT_SECONDS,
        tags: Collection[str] = (SERVE_TAG,),
    ) -> None:
        self.folder = Path(folder)
        if not is_saved_model(self.folder):
            raise StatusError(
                Code.NOT_FOUND,
                f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {self.folder}",
            )
        self._run_timeout_ms = max(1, round(run_timeout_seconds * 1000))
        config = tf.compat.v1.ConfigProto()
        config.gpu_options.allow_growth = True  # several models and versions share one device
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            meta_graph, self.signatures = _load(self._session, self.folder, tags)
        except StatusError:
            self._session.close()
            raise
        # Copies, here and in `_signature`, since a part of a message keeps all of it in memory, and the graph may hold weights.
        self.definitions = {name: copy.deepcopy(found) for name, found in meta_graph.signature_def.items()}
        self._cheap = cheap_signatures(meta_graph.graph_def, self.definitions)
        self.is_cheap = self._cheap >= self.signatures.keys()
        self.quick_request = quick_request(map(self.definitions.get, self.signatures)) if self.is_cheap else 0
        self._tensors: dict[str, tuple[list[Any], list[Any]]] = {}
        self._callables: dict[tuple[str, tuple[str, ...], int], Callable[..., list[Any]]] = {}
        self._lock = threading.Lock()

    def signature(self, name: str) -> Signature:
        """The signature of that name. Raises StatusError (FAILED_PRECONDITION)."""
        found = self.signatures.get(name)
        if found is None:
            raise StatusError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        return found

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None = None,
        *,
        seconds: float = 0.0,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature_name: one of `signatures`.
            inputs: one array for each of the signature's inputs, of its exact type; strings as object arrays of bytes.
                Shapes are left to the graph to judge.
            outputs: names of the outputs to compute, none twice; by default all.
            seconds: the time that the caller grants. Up to the run timeout that one holds, beyond it none.

        Returns:
            One array for each output name, sorted by name; strings as object arrays of bytes.

        Raises:
            StatusError: unknown signature, wrong inputs, or the op's own code and text.
        """
        signature = self.signature(signature_name)
        check_inputs(signature, inputs)
        chosen = tuple(signature.outputs) if outputs is None else tuple(sorted(outputs))
        try:
            timeout_ms = self._run_timeout_ms if seconds * 1000 <= self._run_timeout_ms else 0
            if len(chosen) == len(signature.outputs):
                arrays = self._run_all(signature, inputs, timeout_ms)
            else:
                arrays = self._callable(signature, chosen, timeout_ms)(*(inputs[name] for name in signature.inputs))
        except tf.errors.OpError as error:
            raise StatusError(Code(error.error_code), error.message) from error
        return {name: _as_array(array) for name, array in zip(chosen, arrays, strict=True)}

    def close(self) -> None:
        """Frees session and graph; the model cannot run afterwards."""
        self._callables.clear()
        self._session.close()
        # A graph is full of reference cycles, and constants in it: left to the garbage collector, which may pass it over for ever
        # (`gc.freeze`), a version that has gone would keep its memory.
        dismantle_graph(self._session.graph)

    def _tensors_of(self, signature: Signature) -> tuple[list[Any], list[Any]]:
        """TensorFlow's own names for a signature's inputs and outputs. Raises StatusError when the graph has them not."""
        found = self._tensors.get(signature.name)
        if found is None:
            graph = self._session.graph
            try:
                inputs, outputs = (
                    [graph.get_tensor_by_name(info.name)._as_tf_output() for info in infos.values()]
                    for infos in (signature.inputs, signature.outputs)
                )
            except (KeyError, ValueError) as error:
                raise StatusError(Code.NOT_FOUND, _first_line(str(error.args[0]))) from error
            found = self._tensors[signature.name] = inputs, outputs
        return found

    def _run_all(self, signature: Signature, inputs: Mapping[str, np.ndarray], timeout_ms: int) -> list[Any]:
        """All outputs. TensorFlow prepares the graph once, in seconds when it is large, whatever the time limit; a callable for
        each limit would be prepared anew. It is as quick, and like it looks at no shapes, where `Session.run` does."""
        feeds, fetches = self._tensors_of(signature)
        options = _options_buffer(signature.name in self._cheap, timeout_ms)
        fed = {feed: inputs[name] for feed, name in zip(feeds, signature.inputs, strict=True)}
        return self._session._call_tf_sessionrun(options, fed, fetches, [], None)

    def _callable(self, signature: Signature, outputs: tuple[str, ...], timeout_ms: int) -> Callable[..., list[Any]]:
        """The prepared run of a signature and some of its outputs, of which only so many are kept."""
        key = signature.name, outputs, timeout_ms
        with self._lock:
            prepared = self._callables.pop(key, None)
            if prepared is None:
                options = config_pb2.CallableOptions()
                options.feed.extend(info.name for info in signature.inputs.values())
                options.fetch.extend(signature.outputs[name].name for name in outputs)
                options.run_options.CopyFrom(_run_options(signature.name in self._cheap, timeout_ms))
                prepared = self._session._make_callable_from_options(options)
                if len(self._callables) == MAX_PREPARED_RUNS:
                    del self._callables[next(iter(self._callables))]  # the one that was not used for the longest time
            self._callables[key] = prepared
            return prepared


@functools.cache  # there are few, which all models share
def _options_buffer(cheap: bool, timeout_ms: int) -> Any:
    return tf_session.TF_NewBufferFromString(_run_options(cheap, timeout_ms).SerializeToString())


def _run_options(cheap: bool, timeout_ms: int) -> config_pb2.RunOptions:
    """How to run a signature; a timeout of 0 is none."""
    return config_pb2.RunOptions(timeout_in_ms=timeout_ms, inter_op_thread_pool=CALLER_THREAD if cheap else 0)


def _load(
    session: tf.compat.v1.Session, folder: Path, tags: Collection[str]
) -> tuple[meta_graph_pb2.MetaGraphDef, Mapping[str, Signature]]:
    """Loads graph, variables and tables into the session; returns what the file says, and the signatures."""
    try:
        with session.graph.as_default(), without_deprecation_notice():
            meta_graph = tf.compat.v1.saved_model.loader.load(session, list(tags), str(folder))
        definitions = meta_graph.signature_def
        runnable = (name for name in sorted(definitions) if definitions[name].inputs)  # the init op has no inputs
        return meta_graph, {name: _signature(name, definitions[name]) for name in runnable}
    except tf.errors.OpError as error:
        raise StatusError(Code(error.error_code), _first_line(error.message)) from error
    except OSError as error:
        raise StatusError(Code.DATA_LOSS, _first_line(str(error))) from error
    except RuntimeError as error:
        if "MetaGraphDef associated with tags" not in str(error):
            raise StatusError(Code.UNKNOWN, _first_line(str(error))) from error
        text = f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}"
        raise StatusError(Code.NOT_FOUND, text) from error
    except Exception as error:  # a graph can be broken in any way, and none may end a server of sound ones
        raise StatusError(Code.UNKNOWN, f"{type(error).__name__}: {_first_line(str(error))}") from error


def _signature(name: str, definition: SignatureDef) -> Signature:
    def infos(tensors: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, TensorInfo]:
        return {key: _tensor_info(tensors[key]) for key in sorted(tensors)}

    defaults = {key: copy.deepcopy(definition.defaults[key]) for key in definition.defaults}
    return Signature(name, infos(definition.inputs), infos(definition.outputs), definition.method_name, defaults)


def _tensor_info(info: meta_graph_pb2.TensorInfo) -> TensorInfo:
    shape = tf.TensorShape(info.tensor_shape)
    return TensorInfo(info.name, tf.as_dtype(info.dtype), None if shape.rank is None else tuple(shape.as_list()))


def check_inputs(signature: Signature, inputs: Mapping[str, np.ndarray]) -> None:
    """Raises StatusError (INVALID_ARGUMENT) unless names and types are the signature's."""
    check_names(inputs, signature)
    for position, (name, info) in enumerate(signature.inputs.items()):
        if inputs[name].dtype == info.numpy_dtype:
            continue  # as nearly always; TensorFlow's own comparison of types takes longer than some graphs
        received = tf.as_dtype(inputs[name].dtype)
        if received != info.dtype:
            raise invalid_argument(
                f"Expects arg[{position}] to be {type_name(info.dtype)} but {type_name(received)} is provided"
            )


def check_names(names: Iterable[str], signature: Signature) -> None:
    """Raises StatusError (INVALID_ARGUMENT) unless `names` are those of the signature's inputs."""
    expected, sent = set(signature.inputs), set(names)
    if expected != sent:
        raise invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(expected)} "
            f"len({braced(sent)}) != len({braced(expected)}). "
            f"Sent extra: {braced(sent - expected)}. Missing but required: {braced(expected - sent)}."
        )


def _as_array(output: Any) -> np.ndarray:
    if isinstance(output, bytes):  # a scalar string; NumPy's own bytes type would drop zero bytes at its end
        array = np.empty((), object)
        array[()] = output
        return array
    return np.asarray(output)


def braced(names: Iterable[str]) -> str:
    """Names in the form of TensorFlow Serving's error texts: sorted, "{a,b}"."""
    return "{" + ",".join(sorted(names)) + "}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


@contextmanager
def without_deprecation_notice() -> Iterator[None]:
    """Keeps TensorFlow's advice to use `tf.saved_model.load` instead of a session out of the log."""
    logger, deprecated = tf.get_logger(), _Deprecated()
    logger.addFilter(deprecated)
    try:
        yield
    finally:
        logger.removeFilter(deprecated)


class _Deprecated(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "is deprecated" not in record.getMessage()
