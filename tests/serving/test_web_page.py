"""The web page as the server hands it out: its files, what they may do, and what they are told of the models."""

import json
import re
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from page_models import page_sources

from tfiqa.serving.server.model_folders import ModelSource, all_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.web_page import DEFAULT_MAX_BODY_BYTES, FOLDER, WebPage

FILES = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture(scope="module")
def store():
    sources = [ModelSource(source.name, source.base_path, all_versions(), source.labels) for source in page_sources()]
    store = ModelStore(sources, poll_seconds=0, load_retries=0, labels_for_unavailable=True)
    store.start()
    yield store
    store.stop()


@pytest.fixture(scope="module")
def page(store):
    return WebPage(store, labels_of={"brightness": {"old": 1, "gone": 7}, "rank": {}, "plain": {}}.__getitem__)


def models(page):
    response = page.response("GET", "/page/models")
    assert response.content_type == "application/json"
    return json.loads(response.body)


def test_the_page_is_at_the_root(page):
    response = page.response("GET", "/")
    assert response.status == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert response.body == (FOLDER / "index.html").read_bytes()
    assert page.response("HEAD", "/") == response
    assert page.response("GET", "/?utm=1") == response


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.js", "text/javascript; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_its_files_have_their_types(page, name, kind):
    response = page.response("GET", f"/page/{name}")
    assert response.content_type == kind
    assert response.body == (FOLDER / name).read_bytes()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("DELETE", "/page/page.js"),
        ("GET", "/page"),
        ("GET", "/page/"),
        ("GET", "/page/../web_page.py"),
        ("GET", "/page/%2e%2e/web_page.py"),
        ("GET", "/page/nothing.js"),
        ("GET", "/v1/models/brightness"),
        ("GET", "//page/page.js"),
    ],
)
def test_all_else_is_left_to_the_server(page, method, path):
    assert page.response(method, path) is None


def test_nothing_comes_from_elsewhere(page):
    for name in FILES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        addresses = re.findall(r"https?://[^\s\"'`)]+|(?<=[\"'(])//[^\s\"')]+", text)
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, name  # a namespace's name, which nobody fetches
    policy = page.response("GET", "/").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy


def test_every_file_that_one_names_is_there():
    for name in FILES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./([^"]+)"', text)) <= set(FILES), name
        if name == "index.html":
            assert set(re.findall(r'"page/([^"]+)"', text)) <= set(FILES)


def test_the_policy_allows_what_the_html_holds():
    class Inline(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []

        def handle_starttag(self, tag, attributes):
            names = dict(attributes)
            inline = [name for name in names if name == "style" or name.startswith("on")]
            self.found += inline + ([tag] if tag == "style" or (tag == "script" and "src" not in names) else [])

    reader = Inline()
    reader.feed((FOLDER / "index.html").read_text(encoding="utf-8"))
    assert reader.found == []


def test_the_files_are_installed_with_the_package():
    config = ConfigParser()
    config.read(Path(__file__).parents[2] / "setup.cfg")
    assert config["options.package_data"]["tfiqa.serving.server"] == "page/*"


def test_models_with_versions_newest_first_and_labels_that_are_there(page):
    told = models(page)
    assert told["limits"] == {"max_body_bytes": 64 * 2**20} == {"max_body_bytes": DEFAULT_MAX_BODY_BYTES}
    brightness, rank, plain = told["models"]
    assert [model["name"] for model in told["models"]] == ["brightness", "rank", "plain"]
    assert [version["version"] for version in brightness["versions"]] == ["2", "1"]
    assert brightness["labels"] == {"old": "1"}
    assert rank["labels"] == plain["labels"] == {}


def test_what_the_card_says(page):
    (newest, _), (rank,), (plain,) = [model["versions"] for model in models(page)["models"]]
    assert newest["scale"] == {
        **{"low": 0.0, "high": 100.0, "higher_is_better": True, "unit": "brightness"},
        "words": True,
    }
    assert newest["columns"] == {"quality": ["quality"], "attributes": ["red", "green", "blue"]}
    assert newest["model"] == "spaq_bl"
    assert rank["scale"]["higher_is_better"] is False
    assert plain["scale"] is plain["columns"] is plain["model"] is None


def test_signatures_that_take_photographs(page):
    (newest, _), (rank,), (plain,) = [model["versions"] for model in models(page)["models"]]
    assert set(newest["signatures"]) == {"serving_default", "map"}  # the card's takes a string too, but no photograph
    assert newest["signatures"]["map"] == {
        "picture_input": "image_bytes",
        "inputs": {"image_bytes": [None]},
        "outputs": ["error", "map", "quality"],
    }
    assert newest["has_map"]
    assert not newest["has_boxes"]
    assert rank["signatures"]["serving_default"]["inputs"] == {"exif": [None, 8], "image_bytes": [None]}
    assert not rank["has_map"]
    assert plain["signatures"]["serving_default"]["outputs"] == ["y"]


def test_a_model_without_versions_is_listed_without():
    store = ModelStore([page_sources()[1]], poll_seconds=-1)  # never looks, so nothing is loaded
    store.start()
    try:
        assert models(WebPage(store))["models"] == [{"name": "rank", "versions": [], "labels": {}}]
    finally:
        store.stop()


def test_the_limit_is_told(store):
    assert models(WebPage(store, max_body_bytes=1000))["limits"] == {"max_body_bytes": 1000}


def test_the_colours_of_maps_are_magma():
    text = (FOLDER / "quality_map.js").read_text(encoding="utf-8")
    colours = [[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in re.findall(r"\b[0-9a-f]{6}\b", text)]
    want = colormaps["magma"](np.linspace(0, 1, len(colours)))[:, :3] * 255
    assert len(colours) == 33
    assert np.abs(np.array(colours) - want).max() < 3
