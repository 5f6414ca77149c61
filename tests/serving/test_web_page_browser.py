"""The web page in a real browser: what a person picks, sees and saves, against a running server."""

import base64
import csv
import io
import json

import numpy as np
import pytest
from page_actions import GREYS, IDLE, asked_directly, card, choose_model, choose_option, names, pick, shown_scores
from page_models import encoded, page_sources
from page_server import page_server
from PIL import Image


def test_scores_are_those_of_a_direct_request(tab, page_address, photos):
    pick(tab, photos, *GREYS)
    want = [asked_directly(page_address, "brightness", photos[name])["quality"] for name in GREYS]
    assert [value for _, value in shown_scores(tab)] == want
    assert [text for text, _ in shown_scores(tab)] == ["25.1", "85.1", "50.2", "33.3"]
    assert {"poor", "red", "100", "green", "0", "blue"} <= set(card(tab, "middle 9.png"))
    assert "4 of 4 scored" in tab.evaluate("document.querySelector('[role=status]').textContent")


def test_nothing_but_the_server_is_asked_and_the_console_is_silent(tab, page_address, photos):
    pick(tab, photos, *GREYS)
    choose_model(tab, "rank")
    tab.click(".card-picture")
    tab.wait_for("document.querySelector('dialog').open")
    assert tab.complaints() == []
    strangers = [url for url in tab.requested() if not url.startswith((f"{page_address}/", f"blob:{page_address}/"))]
    assert strangers == []


def test_the_words_are_fifths_and_turn_round_where_lower_is_better(tab, photos):
    pick(tab, photos, "dark.png", "light, large.png")
    words = "[...document.querySelectorAll('.card .word')].map((word) => [word.textContent, word.title])"
    (dark, title), (light, _) = tab.evaluate(words)
    assert (dark, light) == ("poor", "excellent")
    assert title.startswith("poor: 20 to 40. The words are fifths of the scale")
    choose_model(tab, "rank")
    assert [text for text, _ in shown_scores(tab)] == ["11.49", "3.09"]
    (dark, title), (light, _) = tab.evaluate(words)
    assert (dark, light) == ("poor", "excellent")
    assert title.startswith("poor: 12.2 to 9.4.")
    fills = tab.evaluate("[...document.querySelectorAll('.bar-fill')].map((fill) => parseFloat(fill.style.width))")
    np.testing.assert_allclose(fills, [25.098, 85.098], atol=1e-3)  # of the way from rank 15 to rank 1
    ends = tab.evaluate("document.querySelector('.bar-ends').innerText").split()
    assert ends == ["15", "1"]


def test_uncertainty_scenes_and_the_missing_exif(tab, photos):
    pick(tab, photos, "dark.png")
    choose_model(tab, "rank")
    assert {"± 1.40", "scene", "dark (75 %)"} <= set(card(tab, "dark.png"))
    whisker = tab.evaluate(
        "(({left, width}) => [left, width].map(parseFloat))(document.querySelector('.bar-whisker').style)"
    )
    np.testing.assert_allclose(whisker, [15.098, 20], atol=1e-3)  # 1.4 to either side on a scale of 14
    about = tab.evaluate("document.getElementById('about-text').textContent")
    assert "lower is better" in about
    assert "each score is that of a photo without EXIF" in about


def test_a_version_by_its_label_and_a_model_without_a_card(tab, photos):
    pick(tab, photos, "light, large.png")
    choose_model(tab, "brightness, old (version 1)")
    assert [text for text, _ in shown_scores(tab)] == ["42.5"]
    choose_model(tab, "plain")
    assert [text for text, _ in shown_scores(tab)] == ["0.85"]
    assert tab.evaluate("document.querySelectorAll('.card .word, .card .bar').length") == 0


@pytest.mark.parametrize(
    ("order", "want"),
    [
        ("best", ["light, large.png", "middle 10.png", "middle 9.png", "dark.png", "broken.png"]),
        ("worst", ["dark.png", "middle 9.png", "middle 10.png", "light, large.png", "broken.png"]),
        ("name", ["broken.png", "dark.png", "light, large.png", "middle 9.png", "middle 10.png"]),
        ("order", ["broken.png", "dark.png", "light, large.png", "middle 10.png", "middle 9.png"]),
    ],
)
def test_sorting(tab, photos, order, want):
    pick(tab, photos, "broken.png", *GREYS)
    choose_option(tab, "#sort", order)
    assert names(tab) == want


def test_finding_names(tab, photos):
    pick(tab, photos, *GREYS)
    tab.evaluate("document.getElementById('filter').focus()")
    tab.call("Input.insertText", text="MIDDLE")
    assert names(tab) == ["middle 10.png", "middle 9.png"]


def test_what_is_no_photo_says_so_beside_good_ones(tab, photos):
    pick(tab, photos, "broken.png", "dark.png", "text.txt", left_out=1)
    assert names(tab) == ["broken.png", "dark.png"]
    broken = card(tab, "broken.png")
    assert "This file is no PNG picture, and this browser cannot convert it." in broken
    assert "Try again" in broken
    assert "25.1" in card(tab, "dark.png")
    text = tab.evaluate("document.getElementById('progress-text').textContent")
    assert text == "1 of 2 scored, 1 could not be scored. Left out: 1 file is no photo."


def test_the_browser_converts_what_the_server_does_not_read(tab, photos):
    pick(tab, photos, "other.jpg")
    assert [text for text, _ in shown_scores(tab)] == ["40.0"]
    assert any("Converted to PNG by this browser" in line for line in card(tab, "other.jpg"))


def test_the_table_has_the_columns_of_the_command(tab, photos):
    pick(tab, photos, "broken.png", "dark.png", "light, large.png")
    tab.evaluate("""(window.saved = null, URL.createObjectURL = (blob) => {
        if (blob.type === "text/csv") blob.text().then((text) => (window.saved = text));  // others are pictures to show
        return "#";
    })""")
    tab.evaluate("HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; }")
    tab.click("#download")
    rows = list(csv.DictReader(io.StringIO(tab.wait_for("window.saved"))))
    assert list(rows[0]) == ["path", "quality", "red", "green", "blue", "rating", "error"]
    assert [row["path"] for row in rows] == ["broken.png", "dark.png", "light, large.png"]
    assert rows[0]["quality"] == ""
    assert [float(row["quality"]) for row in rows[1:]] == pytest.approx([25.098, 85.098], abs=1e-3)
    assert [row["rating"] for row in rows] == ["", "poor", "excellent"]
    assert [bool(row["error"]) for row in rows] == [True, False, False]
    assert tab.evaluate("window.savedAs") == "scores_brightness.csv"
    choose_model(tab, "rank")
    tab.evaluate("void (window.saved = null)")
    tab.click("#download")
    row = list(csv.DictReader(io.StringIO(tab.wait_for("window.saved"))))[1]
    scenes = ["scene_dark", "scene_bright", "votes_dark", "votes_bright", "scene"]
    assert list(row) == ["path", "quality", "uncertainty", *scenes, "error"]
    assert row["scene"] == "dark"


def test_maps_over_the_photos(tab, photos):
    pick(tab, photos, "gradient.png")
    tab.click(".map-controls .check")
    tab.wait_for("!document.querySelector('.card .map-overlay').hidden")
    pixels = """(() => {
        const canvas = document.querySelector('.card .map-overlay');
        const at = (x) => [...canvas.getContext('2d').getImageData(x, canvas.height / 2, 1, 1).data];
        return [at(1), at(canvas.width - 2)];
    })()"""
    (left, right) = tab.evaluate(pixels)
    assert max(left[:3]) < 20  # magma's dark end
    assert min(right[:3]) > 150  # and its bright one
    assert left[3] == right[3] == 255
    opacity = "getComputedStyle(document.querySelector('.card .map-overlay')).opacity"
    assert tab.evaluate(opacity) == "0.6"
    tab.evaluate("document.querySelector('.map-controls input[type=range]').focus()")
    tab.press("ArrowRight")
    tab.wait_for(f"{opacity} === '0.65'")
    legend = tab.evaluate("document.querySelector('.legend').innerText").split("\n")
    assert legend == [
        "2.0",
        "97.7 (better)",
    ]  # levels 0, 2, .. 10 in the first and 244, .. 255 in the last of 20 blocks
    choose_option(tab, ".map-controls select", "scale")
    tab.wait_for("document.querySelector('.legend').innerText.startsWith('0.0')")


def test_the_large_view_with_the_map_in_words(tab, photos):
    pick(tab, photos, "gradient.png", "dark.png")
    tab.click(".card-picture")
    tab.wait_for("document.querySelector('dialog').open")
    tab.click("dialog .check")
    readout = "document.querySelector('dialog .readout').textContent"
    tab.wait_for(f"{readout}.startsWith('Lowest')")
    assert tab.evaluate("document.querySelector('dialog .legend').innerText") == "2.0\n97.7 (better)"
    assert tab.evaluate(readout) == "Lowest 2.0 at the top left, highest 97.7 at the top right."
    tab.press("ArrowRight")
    tab.wait_for("document.getElementById('large-name').textContent === 'dark.png'")
    tab.press("Escape")
    assert tab.evaluate("document.querySelector('dialog').open") is False
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Show dark.png large"


def test_a_busy_server_is_asked_again(chromium, photos):
    with page_server(page_sources(), refusals=3) as (url, requests), chromium.tab(url) as tab:
        tab.wait_for("!document.getElementById('model').disabled")
        pick(tab, photos, "dark.png", "light, large.png")
        assert [text for text, _ in shown_scores(tab)] == ["25.1", "85.1"]
        assert len(requests) == 2 + 3


def test_a_large_file_is_refused_before_it_is_sent(chromium, photos, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    (tmp_path / "noise.png").write_bytes(encoded(Image.fromarray(noise), "PNG"))  # 12 KiB, and 16 in base64
    with page_server(page_sources(), max_body_bytes=8192) as (url, requests), chromium.tab(url) as tab:
        tab.wait_for("!document.getElementById('model').disabled")
        pick(tab, {"noise.png": tmp_path / "noise.png", **photos}, "noise.png", "dark.png")
        assert any("is too large: this server takes photos up to" in line for line in card(tab, "noise.png"))
        assert [text for text, _ in shown_scores(tab)] == ["25.1"]
        assert len(requests) == 1


def test_cancelling_and_going_on(chromium, photos):
    with page_server(page_sources(), refusals=5) as (url, _), chromium.tab(url) as tab:
        tab.wait_for("!document.getElementById('model').disabled")
        tab.set_files("#files", [photos[name] for name in GREYS])
        tab.wait_for("!document.getElementById('cancel').hidden")
        tab.click("#cancel")
        tab.wait_for("!document.getElementById('resume').hidden")
        assert "4 cancelled" in tab.evaluate("document.getElementById('progress-text').textContent")
        tab.click("#resume")
        tab.wait_for(f"document.querySelectorAll('.score-value').length === 4 && {IDLE}")


def test_removing_and_clearing(tab, photos):
    pick(tab, photos, *GREYS)
    tab.click("[data-path='dark.png'] .icon-button")
    assert names(tab) == ["light, large.png", "middle 10.png", "middle 9.png"]
    pick(tab, photos, "dark.png")
    assert names(tab)[-1] == "dark.png"
    pick(tab, photos, "dark.png", left_out=1)  # here already
    assert "Left out: 1 was here already." in tab.evaluate("document.getElementById('progress-text').textContent")
    tab.click("#clear")
    assert names(tab) == []
    assert tab.evaluate("document.getElementById('results').hidden")


def test_numbers_of_a_model_without_a_card_are_named_as_by_the_command(tab):
    outputs = '{"y": [1, 2], "x": 3, "one": [4]}'
    script = f"import('./page/outputs.js').then(({{readOutputs}}) => readOutputs({outputs}, {{columns: null}}).numbers)"
    assert tab.evaluate(script) == {"y_0": 1, "y_1": 2, "x": 3, "one": 4}


def test_tokens_that_json_does_not_know(tab):
    text = r'{"a": [NaN, -Infinity, 1.5, Infinity], "NaN": "NaN \"Infinity, \u00e9"}'
    script = f"import('./page/predict.js').then(({{parse}}) => parse({json.dumps(text)}))"
    assert tab.evaluate(script) == {"a": [None, None, 1.5, None], "NaN": 'NaN "Infinity, é'}


def test_folders_and_pasted_pictures(tab, photos):
    data = base64.b64encode(photos["dark.png"].read_bytes()).decode()
    script = f"""(() => {{
        const bytes = Uint8Array.from(atob({json.dumps(data)}), (character) => character.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "image.png", {{type: "image/png"}}));
        document.dispatchEvent(new ClipboardEvent("paste", {{clipboardData: transfer, bubbles: true}}));
    }})()"""
    tab.evaluate(script)
    tab.wait_for(f"document.querySelectorAll('.card').length === 1 && {IDLE}")
    assert names(tab) == ["pasted 1.png"]
    tab.set_files("#folder", [photos["dark.png"].parent])
    tab.wait_for(f"document.querySelectorAll('.card').length === 8 && {IDLE}")
    folder = photos["dark.png"].parent.name
    assert set(names(tab)) == {"pasted 1.png"} | {f"{folder}/{name}" for name in photos if name != "text.txt"}
