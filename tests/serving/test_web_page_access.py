"""The web page for everybody: by keyboard, read aloud, on a phone, by day and night."""

import json

import numpy as np
import pytest
from page_actions import GREYS, IDLE, names, pick


def test_by_keyboard_alone(tab, photos):
    tab.call("Page.setInterceptFileChooserDialog", enabled=True)

    def tab_to(selector):
        for _ in range(40):
            tab.press("Tab")
            if tab.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"the focus on {selector} is not seen"
                return
        raise AssertionError(f"the focus never comes to {selector}")

    tab_to("#choose")
    tab.press("Enter")
    chooser = tab.wait_for_event("Page.fileChooserOpened")
    files = [str(photos[name]) for name in ("dark.png", "light, large.png")]
    tab.call("DOM.setFileInputFiles", files=files, backendNodeId=chooser["backendNodeId"])
    tab.wait_for(f"document.querySelectorAll('.card').length === 2 && {IDLE}")
    tab_to("#sort")
    tab.press("ArrowDown")
    assert names(tab) == ["light, large.png", "dark.png"]
    tab_to(".map-controls input[type=checkbox]")
    tab.press(" ")
    tab.wait_for("!document.querySelector('.card .map-overlay').hidden")
    tab_to(".card-picture")
    tab.press("Enter")
    tab.wait_for("document.querySelector('dialog').open")
    tab.press("Escape")
    assert tab.evaluate("document.activeElement.matches('.card-picture')")
    tab_to(".icon-button")
    tab.press("Enter")
    tab.wait_for("document.querySelectorAll('.card').length === 1")
    assert tab.evaluate("document.activeElement.matches('.icon-button')")  # of the photograph that came next


def test_every_control_has_a_name(tab, photos):
    pick(tab, photos, "broken.png", "gradient.png")
    tab.click(".map-controls .check")
    tab.wait_for("!document.querySelector('[data-path=\"gradient.png\"] .map-overlay').hidden")

    def check(at_least):
        controls = {
            "button",
            "link",
            "combobox",
            "checkbox",
            "slider",
            "searchbox",
            "textbox",
            "progressbar",
            "DisclosureTriangle",
        }
        nodes = [node for node in tab.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        found = [node for node in nodes if node["role"]["value"] in controls]
        assert len(found) >= at_least
        assert [node for node in found if not node.get("name", {}).get("value", "").strip()] == []
        return nodes

    nodes = check(15)
    regions = [node["role"]["value"] for node in nodes]
    assert {"status", "heading", "list", "main"} <= set(regions)
    tab.click("[data-path='gradient.png'] .card-picture")
    tab.wait_for("document.querySelector('dialog').open")
    check(5)


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_all_without_scrolling_sideways(chromium, page_address, photos, width):
    with chromium.tab(page_address, width=width, height=800, mobile=True) as tab:
        tab.wait_for("!document.getElementById('model').disabled")
        pick(tab, photos, "broken.png", "light, large.png", "gradient.png")
        tab.evaluate("document.getElementById('about').open = true")
        tab.click(".map-controls .check")
        tab.wait_for("!document.querySelector('[data-path=\"gradient.png\"] .map-overlay').hidden")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("document.getElementById('take').hidden") is False
        small = """[...document.querySelectorAll('button, select, input, summary, .check')]
            .filter((each) => each.checkVisibility() && !each.matches('[type=checkbox]'))
            .map((each) => [each.id || each.className || each.tagName, each.getBoundingClientRect()])
            .filter(([, box]) => box.width < 44 || box.height < 44).map(([name]) => name)"""
        assert tab.evaluate(small) == []
        tab.click("[data-path='gradient.png'] .card-picture")
        tab.wait_for("document.querySelector('dialog').open")
        assert tab.evaluate("document.querySelector('dialog').scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(chromium, page_address, photos, dark):
    with chromium.tab(page_address, width=1280, height=900, dark=dark) as tab:
        tab.wait_for("!document.getElementById('model').disabled")
        pick(tab, photos, "broken.png", *GREYS)
        tab.evaluate("document.getElementById('about').open = true")
        script = """(() => {
            const seen = (element) => {
                for (let each = element; each; each = each.parentElement) {
                    const colour = getComputedStyle(each).backgroundColor;
                    if (!colour.endsWith(', 0)')) return colour;
                }
            };
            return [...document.querySelectorAll('h1, h2, h3, p, dt, dd, span, li, label, button, select, summary')]
                .filter((each) => each.checkVisibility() && !each.disabled)
                .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
                .map((each) => [each.textContent, getComputedStyle(each).color, seen(each)]);
        })()"""
        texts = tab.evaluate(script)
        assert len(texts) > 30
        assert [text for text, *colours in texts if contrast(*map(rgb, colours)) < 4.5] == []


def rgb(colour):
    return [float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]


def contrast(one, other):
    """The contrast ratio of WCAG 2.2 between two sRGB colours."""

    def luminance(colour):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (value / 255 for value in colour)
        ]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
