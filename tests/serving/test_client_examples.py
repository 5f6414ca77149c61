"""The examples of docs/examples, run as a user would, against servers in this process."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from client_models import client_served, picture

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def servers():
    with client_served() as urls:
        yield urls


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """One good, one without its end, one larger than what a command line can hold."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "good one.png").write_bytes(picture(40))
    (folder / "cut.png").write_bytes(picture(40)[:-6])
    (folder / "large.png").write_bytes(picture(7, size=(1000, 1500), compress_level=0))
    return [folder / "good one.png", folder / "cut.png", folder / "large.png"]


def run(*command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=120)


def test_curl(servers, pictures):
    rows = []
    for name in pictures:
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        done = run("bash", EXAMPLES / "score_curl.sh", servers["http"], "carded", name)
        assert done.returncode == 0, done.stderr
        rows += json.loads(done.stdout)["predictions"]
    assert [row["quality"] for row in rows[::2]] == [40, 7]
    assert [row["error"] for row in rows] == ["", "has no end", ""]
    assert math.isnan(rows[1]["quality"])
    refused = run("bash", EXAMPLES / "score_curl.sh", servers["http"], "nope", pictures[0])
    assert refused.returncode != 0
    assert "Servable not found" in refused.stdout


def test_python_over_grpc(servers, pictures):
    target = servers["grpc"].removeprefix("grpc://")
    done = run(sys.executable, EXAMPLES / "score_python.py", target, "carded", *pictures)
    assert done.stdout.splitlines() == lines(pictures, "40.0", "7.0"), done.stderr


def test_javascript(servers, pictures):
    done = run("node", EXAMPLES / "score_javascript.mjs", servers["http"], "carded", *pictures)
    assert done.stdout.splitlines() == lines(pictures, "40", "7"), done.stderr
    refused = run("node", EXAMPLES / "score_javascript.mjs", servers["http"], "nope", pictures[0])
    assert refused.returncode == 1
    assert "Servable not found" in refused.stderr


def lines(pictures, first, last):
    return [f"{name}\t{score}" for name, score in zip(pictures, (first, "has no end", last), strict=True)]
