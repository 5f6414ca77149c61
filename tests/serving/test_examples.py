"""Classify, Regress and MultiInference over gRPC, with the official stubs against a server in this process."""

import numpy as np
import pytest
from grpc_served import error_of, example, grpc_served
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, regression_pb2

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture(scope="module")
def client():
    with grpc_served() as client:
        yield client


def spec(message, signature="", model="examples", version=None):
    message.name = model
    message.signature_name = signature
    if version is not None:
        message.version.value = version


def listed(*values):
    """An Input of examples with the feature x."""
    examples = [example(x=[float(value)]) for value in values]
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))


def classification(given, *arguments, **named):
    message = classification_pb2.ClassificationRequest(input=given)
    spec(message.model_spec, *arguments, **named)
    return message


def regression(given, *arguments, **named):
    message = regression_pb2.RegressionRequest(input=given)
    spec(message.model_spec, *arguments, **named)
    return message


def multi(given, *tasks):
    """Tasks are (signature, method) with further settings of the model."""
    message = inference_pb2.MultiInferenceRequest(input=given)
    for signature, method, *settings in tasks:
        task = message.tasks.add(method_name=method)
        spec(task.model_spec, signature, **(settings[0] if settings else {}))
    return message


def classes(result):
    return [[(found.label, found.score) for found in line.classes] for line in result.classifications]


def values(result):
    return [line.value for line in result.regressions]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("labels_and_scores", [[("good", 3.0), ("bad", -3.0)], [("good", -0.5), ("bad", 0.5)]]),
        ("scores", [[("", 3.0), ("", -3.0)], [("", -0.5), ("", 0.5)]]),
        ("classes", [[("good", 0.0), ("bad", 0.0)], [("good", 0.0), ("bad", 0.0)]]),
    ],
)
def test_classify(client, signature, expected):
    reply = client.predictions.Classify(classification(listed(3, -0.5), signature), timeout=30)
    assert classes(reply.result) == expected
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("examples", 1)
    assert reply.model_spec.signature_name == signature


@pytest.mark.parametrize(("signature", "expected"), [("", [3.5, 1.75]), ("vector", [4.0, 0.5])])
def test_regress(client, signature, expected):
    reply = client.predictions.Regress(regression(listed(3, -0.5), signature), timeout=30)
    assert values(reply.result) == expected
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("examples", 1)
    assert reply.model_spec.signature_name == (signature or "serving_default")


def test_a_context_is_part_of_each_example(client):
    given = input_pb2.Input()
    given.example_list_with_context.context.CopyFrom(example(x=[5.0], shared=[b"s"]))
    given.example_list_with_context.examples.extend([example(y=[1.0]), example(x=[7.0])])
    reply = client.predictions.Regress(regression(given, "vector"), timeout=30)
    assert values(reply.result) == [6.0, 8.0]  # an example's own feature replaces that of the context


def test_many_examples(client):
    numbers = np.arange(5000, dtype=np.float32)
    reply = client.predictions.Regress(regression(listed(*numbers), "vector"), timeout=30)
    np.testing.assert_array_equal(values(reply.result), numbers + 1)


EMPTY = [
    input_pb2.Input(),
    input_pb2.Input(example_list=input_pb2.ExampleList()),
    input_pb2.Input(example_list_with_context=input_pb2.ExampleListWithContext(context=example(x=[1.0]))),
]


@pytest.mark.parametrize("given", EMPTY)
def test_no_examples(client, given):
    expected = ("INVALID_ARGUMENT", "Input is empty.")
    assert error_of(client.predictions.Regress, regression(given)) == expected
    assert error_of(client.predictions.Classify, classification(given, "scores")) == expected
    assert error_of(client.predictions.MultiInference, multi(given, ("", REGRESS))) == expected


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ({"model": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ({"model": "no"}, "NOT_FOUND", "Servable not found for request: Latest(no)"),
        ({"version": 4}, "NOT_FOUND", "Servable not found for request: Specific(examples, 4)"),
        ({"signature": "no"}, "INVALID_ARGUMENT", "No signature was found with the name: no"),
        ({"model": "times"}, "FAILED_PRECONDITION", None),
        ({"signature": "__saved_model_init_op"}, "INVALID_ARGUMENT", "Expected one input Tensor."),
        ({"signature": "two_inputs"}, "INVALID_ARGUMENT", "Expected one input Tensor."),
    ],
)
def test_a_model_or_signature_that_is_not_there(client, asked, code, text):
    for call, make in ((client.predictions.Regress, regression), (client.predictions.Classify, classification)):
        found = error_of(call, make(listed(1), **asked))
        assert found[0] == code
        assert text is None or found[1] == text


def test_no_model_spec(client):
    expected = ("INVALID_ARGUMENT", "Missing ModelSpec")
    assert error_of(client.predictions.Regress, regression_pb2.RegressionRequest(input=listed(1))) == expected
    assert error_of(client.predictions.Classify, classification_pb2.ClassificationRequest(input=listed(1))) == expected


@pytest.mark.parametrize(
    ("signature", "code", "text"),
    [
        ("two_outputs", "INVALID_ARGUMENT", "Expected one output Tensor."),
        ("other_input", "FAILED_PRECONDITION", "No regression inputs found in SignatureDef: "),
        ("other_output", "FAILED_PRECONDITION", "No regression outputs found in SignatureDef: "),
        (
            "wide",
            "INVALID_ARGUMENT",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        ("double", "INVALID_ARGUMENT", "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
        ("shorter", "INVALID_ARGUMENT", "Input batch size did not match output batch size: 2 vs. 1"),
    ],
)
def test_signatures_that_are_no_regression(client, signature, code, text):
    found = error_of(client.predictions.Regress, regression(listed(1, 2), signature))
    assert found[0] == code
    assert found[1].startswith(text)


@pytest.mark.parametrize(
    ("signature", "code", "text"),
    [
        ("three_outputs", "INVALID_ARGUMENT", "Expected one or two output Tensors, found 3"),
        ("other_input", "FAILED_PRECONDITION", "No classification inputs found in SignatureDef: "),
        (
            "other_output",
            "FAILED_PRECONDITION",
            'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ',
        ),
        (
            "flat_scores",
            "INVALID_ARGUMENT",
            "Expected Tensor shape: [batch_size num_classes] but got [2]",
        ),
        ("double_scores", "INVALID_ARGUMENT", "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ("number_classes", "INVALID_ARGUMENT", "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ("shorter_scores", "INVALID_ARGUMENT", "Expected scores output batch size of 2. Got: 1"),
        ("unequal", "INVALID_ARGUMENT", "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
        ("binary_labels", "INVALID_ARGUMENT", "A label in the output classes is no UTF-8 text"),
    ],
)
def test_signatures_that_are_no_classification(client, signature, code, text):
    found = error_of(client.predictions.Classify, classification(listed(1, 2), signature))
    assert found[0] == code
    assert found[1].startswith(text)


def test_the_graphs_own_error(client):
    given = input_pb2.Input(example_list=input_pb2.ExampleList(examples=[example(z=[1.0])]))
    code, text = error_of(client.predictions.Regress, regression(given))
    assert code == "INVALID_ARGUMENT"
    assert "Feature: x (data type: float) is required but could not be found." in text
    given = input_pb2.Input(example_list=input_pb2.ExampleList(examples=[example(x=[1])]))
    code, text = error_of(client.predictions.Regress, regression(given))
    assert code == "INVALID_ARGUMENT"
    assert "Data types don't match" in text


def test_multi_inference(client):
    message = multi(listed(3), ("", REGRESS), ("scores", CLASSIFY), ("vector", REGRESS))
    reply = client.predictions.MultiInference(message, timeout=30)
    kinds = [result.WhichOneof("result") for result in reply.results]
    assert kinds == ["regression_result", "classification_result", "regression_result"]
    assert values(reply.results[0].regression_result) == [3.5]
    assert classes(reply.results[1].classification_result) == [[("", 3.0), ("", -3.0)]]
    assert values(reply.results[2].regression_result) == [4.0]
    assert [result.model_spec.signature_name for result in reply.results] == ["serving_default", "scores", "vector"]
    assert {(result.model_spec.name, result.model_spec.version.value) for result in reply.results} == {("examples", 1)}


@pytest.mark.parametrize(
    ("tasks", "code", "text"),
    [
        ([], "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ([("", REGRESS, {"model": ""})], "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ([("", REGRESS, {"model": "no"})], "NOT_FOUND", "Servable not found for request: Latest(no)"),
        (
            [("", REGRESS), ("vector", REGRESS, {"model": ""})],
            "INVALID_ARGUMENT",
            "Found ModelSpec with an empty model name.",
        ),
        (
            [("", REGRESS), ("", REGRESS, {"model": "times"})],
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            [("", REGRESS), ("serving_default", REGRESS)],
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: serving_default",
        ),
        ([("no", REGRESS)], "INVALID_ARGUMENT", "Requested signature not found in model graph: no"),
        (
            [("", "tensorflow/serving/predict")],
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        ([("", "")], "UNIMPLEMENTED", "Unsupported signature method_name: "),
        ([("two_inputs", CLASSIFY)], "INVALID_ARGUMENT", "Expected one input Tensor."),
        ([("two_outputs", REGRESS)], "INVALID_ARGUMENT", "Expected one output Tensor."),
        ([("", REGRESS), ("wide", REGRESS)], "INVALID_ARGUMENT", None),
    ],
)
def test_multi_inference_that_does_not_fit(client, tasks, code, text):
    found = error_of(client.predictions.MultiInference, multi(listed(1, 2), *tasks))
    assert found[0] == code
    assert text is None or found[1] == text


def test_the_first_task_chooses_the_version(client):
    message = multi(listed(3), ("", REGRESS, {"version": 1}), ("vector", REGRESS, {"version": 9}))
    reply = client.predictions.MultiInference(message, timeout=30)
    assert [result.model_spec.version.value for result in reply.results] == [1, 1]
