"""A browser with the web page in it, and photographs to give it."""

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def chromium():
    """A running browser; without one the test skips."""
    from headless_browser import browser

    with browser() as running:
        yield running


@pytest.fixture(scope="session")
def page_address():
    """The address of a page of the models in `page_sources`."""
    from page_models import page_sources
    from page_server import page_server

    with page_server(page_sources()) as (url, _):
        yield url


@pytest.fixture
def tab(chromium, page_address):
    """The page, on a desk."""
    with chromium.tab(page_address, width=1280, height=900) as tab:
        tab.wait_for("!document.getElementById('model').disabled")
        yield tab


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Photographs by name: three greys, a gradient, a JPEG that the server does not read, and two that are none."""
    from page_models import encoded, gradient, png

    folder = tmp_path_factory.mktemp("photos")
    contents = {
        "dark.png": png(64),
        "light, large.png": png(217),
        "middle 10.png": png(128),
        "middle 9.png": png((255, 0, 0)),
        "gradient.png": gradient(),
        "other.jpg": encoded(Image.new("RGB", (40, 30), (102, 102, 102)), "JPEG", quality=100),
        "broken.png": b"no picture",
        "text.txt": b"no picture either",
    }
    paths = {name: folder / name for name in contents}
    for name, data in contents.items():
        paths[name].write_bytes(data)
    return paths
