"""The import order of the package: a module imports only from lower layers and its own folder."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "tfiqa"
LAYERS = [
    {"registry", "score_scale", "errors", "files", "in_order", "histogram_equalization"},
    {"images"},
    {"losses", "models", "full_reference", "distortions"},
    {"weights", "databases"},
    {"pipelines"},
    {"evaluation", "explain"},
    {"features"},
    {"training", "serving"},
    {"reports"},
    {"cli"},
]
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
# These rooms must load where TensorFlow is not installed, at least until a graph is built.
WITHOUT_TENSORFLOW = ("models", "losses", "distortions", "weights", "databases", "evaluation")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def same_folder(one, other):
    return one == other or {one, other} <= LAYERS[0]  # the modules of layer 0 lie side by side


def imports(path):
    """Every module that a file imports from, inside functions too, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.module, node.lineno


def test_every_room_has_a_layer():
    assert {room(path) for path in FILES} <= set(LAYER)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path):
    here = room(path)
    for module, line in imports(path):
        parts = module.split(".")
        if parts[0] != "tfiqa" or len(parts) == 1 or same_folder(parts[1], here):
            continue
        assert LAYER[parts[1]] < LAYER[here], f"{path}:{line}: {here} imports {module}, which is not below it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_tensorflow_stays_out_of_the_rooms_that_do_without(path):
    if room(path) in WITHOUT_TENSORFLOW:
        assert not [line for module, line in imports(path) if module.split(".")[0] == "tensorflow"]
