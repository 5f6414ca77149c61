"""What an installation of tfiqa holds besides its modules."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODEL = Path("saved_models/tfiqa_small")
EXPORTED = [  # every kind of file that `tfiqa export` writes
    *("docker-compose.yaml", "models.config", "1/saved_model.pb", "1/fingerprint.pb", "1/assets/table"),
    *("1/variables/variables.index", "1/variables/variables.data-00000-of-00001"),
    *("1/assets.extra/tfiqa.json", "1/assets.extra/MODEL_CARD.md", "1/assets.extra/tf_serving_warmup_requests"),
]


def built(tree, output):
    """What setuptools would put into a wheel of a source tree, as paths beneath the installed folder."""
    pytest.importorskip("setuptools", reason="setuptools, which builds wheels, is not installed")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(output)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    return {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}


@pytest.fixture
def tree(tmp_path):
    """A source tree with the project's settings, and nothing else of it but two modules."""
    tree = tmp_path / "tree"
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tree / name)
    for name in ("tfiqa/__init__.py", "saved_models/__init__.py"):
        (tree / name).parent.mkdir()
        shutil.copyfile(ROOT / name, tree / name)
    return tree


def test_a_wheel_holds_all_files_of_the_model_that_comes_with_tfiqa_and_no_other_model(tree, tmp_path):
    others = ["saved_models/mine/1/saved_model.pb", "saved_models/__pycache__/__init__.cpython-311.pyc"]
    for name in (*others, *(str(MODEL / name) for name in EXPORTED)):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    want = {"__init__.py", "saved_models/__init__.py", *((MODEL / name).as_posix() for name in EXPORTED)}
    assert built(tree, tmp_path / "built") == {f"tfiqa/{name}" for name in want}


def test_the_real_model_is_in_the_wheel(tree, tmp_path):
    shutil.copytree(ROOT / MODEL, tree / MODEL)
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / MODEL).rglob("*") if path.is_file()}
    assert any(name.endswith("/saved_model.pb") for name in files)
    assert {f"tfiqa/{name}" for name in files} <= built(tree, tmp_path / "built")
