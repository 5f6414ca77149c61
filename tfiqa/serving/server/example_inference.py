"""Classification and regression: signatures that take serialized `tf.train.Example`s and give classes or one number each.

The rules for such signatures, and the error texts, are TensorFlow Serving's. The `method_name` that a signature carries is not
looked at, since what TensorFlow 2 saves always says "predict".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.types_pb2 import DataType
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from tfiqa.serving.server.loaded_model import DEFAULT_SIGNATURE, LoadedModel
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

INPUTS: Final = "inputs"
REGRESSION_OUTPUTS: Final = "outputs"
CLASSES: Final = "classes"
SCORES: Final = "scores"

# Runs a signature on named arrays and computes the outputs named, all by default, as `LoadedModel.run` does.
Run = Callable[[str, Mapping[str, np.ndarray], Sequence[str] | None], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Classes:
    """The classes of one example; a model may leave out the labels, which are then "", or the scores, which are then 0."""

    labels: list[str]
    scores: list[float]


def example_signature(model: LoadedModel, name: str) -> SignatureDef:
    """The signature of that name, the default one for "". Raises StatusError (INVALID_ARGUMENT)."""
    name = name or DEFAULT_SIGNATURE
    if name not in model.definitions:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return model.definitions[name]


def check_regression(signature: SignatureDef) -> None:
    """Raises StatusError unless the signature has one input "inputs" and one output "outputs"."""
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    for kind, name, tensors in (
        ("inputs", INPUTS, signature.inputs),
        ("outputs", REGRESSION_OUTPUTS, signature.outputs),
    ):
        if name not in tensors:
            raise _unfit(f"No regression {kind} found in SignatureDef: {signature}")


def check_classification(signature: SignatureDef) -> None:
    """Raises StatusError unless the signature has one input "inputs" and "classes" or "scores" among one or two outputs."""
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUTS not in signature.inputs:
        raise _unfit(f"No classification inputs found in SignatureDef: {signature}")
    if CLASSES not in signature.outputs and SCORES not in signature.outputs:
        raise _unfit(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {signature}"
        )


def regress(model: LoadedModel, signature_name: str, examples: Sequence[bytes], run: Run) -> list[float]:
    """The value of each example.

    Args:
        model: a borrowed model.
        signature_name: one of its signatures; "" is the default one.
        examples: serialized `tf.train.Example`s.
        run: runs the model.

    Raises:
        StatusError: the signature is missing or not of that kind, there is no example, the run fails, or its output is not a
            float for each example.
    """
    check_regression(example_signature(model, signature_name))
    output = run(signature_name or DEFAULT_SIGNATURE, {INPUTS: _vector(examples)}, [REGRESSION_OUTPUTS])
    values = output[REGRESSION_OUTPUTS]
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise invalid_argument(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape_text(values)}"
        )
    if len(values) != len(examples):
        raise invalid_argument(f"Input batch size did not match output batch size: {len(examples)} vs. {len(values)}")
    if values.dtype != np.float32:
        raise invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: {_type_name(values)}")
    return values.ravel().tolist()


def classify(model: LoadedModel, signature_name: str, examples: Sequence[bytes], run: Run) -> list[Classes]:
    """The classes of each example; arguments as for `regress`.

    Raises:
        StatusError: the signature is missing or not of that kind, there is no example, the run fails, or its outputs are not
            labels (strings) and scores (floats) of each example.
    """
    signature = example_signature(model, signature_name)
    check_classification(signature)
    wanted = [name for name in (CLASSES, SCORES) if name in signature.outputs]
    outputs = run(signature_name or DEFAULT_SIGNATURE, {INPUTS: _vector(examples)}, wanted)
    for name, dtype in ((CLASSES, tf.string), (SCORES, tf.float32)):
        if name in outputs:
            _check_classes_output(name, dtype, outputs[name], len(examples))
    if len(outputs) == 2 and outputs[CLASSES].shape != outputs[SCORES].shape:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). Got "
            f"{outputs[CLASSES].shape[1]} vs. {outputs[SCORES].shape[1]}"
        )
    rows, columns = next(iter(outputs.values())).shape
    labels = _texts(outputs[CLASSES]) if CLASSES in outputs else [[""] * columns] * rows
    scores = outputs[SCORES].tolist() if SCORES in outputs else [[0.0] * columns] * rows
    return [Classes(*of_example) for of_example in zip(labels, scores, strict=True)]


def _check_classes_output(name: str, dtype: tf.DType, values: np.ndarray, count: int) -> None:
    if values.ndim != 2:
        raise invalid_argument(f"Expected Tensor shape: [batch_size num_classes] but got {_shape_text(values)}")
    if tf.as_dtype(values.dtype) != dtype:
        wanted = DataType.Name(dtype.as_datatype_enum)
        raise invalid_argument(f"Expected {name} Tensor of {wanted}. Got: {_type_name(values)}")
    if len(values) != count:
        raise invalid_argument(f"Expected {name} output batch size of {count}. Got: {len(values)}")


def _vector(examples: Sequence[bytes]) -> np.ndarray:
    if not examples:
        raise invalid_argument("Input is empty.")
    vector = np.empty(len(examples), object)
    vector[:] = examples
    return vector


def _texts(labels: np.ndarray) -> list[list[str]]:
    try:
        return [[label.decode() for label in row] for row in labels.tolist()]
    except UnicodeDecodeError as error:
        raise invalid_argument("A label in the output classes is no UTF-8 text") from error


def _type_name(values: np.ndarray) -> str:
    return DataType.Name(tf.as_dtype(values.dtype).as_datatype_enum)


def _shape_text(values: np.ndarray) -> str:
    return "[" + ",".join(map(str, values.shape)) + "]"


def _unfit(message: str) -> StatusError:
    return StatusError(Code.FAILED_PRECONDITION, message)
