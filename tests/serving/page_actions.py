"""What a person does on the web page, and what is then to be seen."""

import base64
import json
import urllib.request

IDLE = "document.body.dataset.busy === 'false'"
GREYS = ("dark.png", "light, large.png", "middle 10.png", "middle 9.png")


def pick(tab, photos, *names, left_out=0):
    """Picks photographs and waits until each has its score or its error; `left_out` of them are not taken."""
    count = tab.evaluate("document.querySelectorAll('.card').length") + len(names) - left_out
    tab.set_files("#files", [photos[name] for name in names])
    tab.wait_for(f"document.querySelectorAll('.card').length === {count} && {IDLE}")


def choose_option(tab, selector, value):
    """Chooses an option by its value, or a model by its text."""
    script = f"""(() => {{
        const select = document.querySelector({json.dumps(selector)});
        const wanted = {json.dumps(value)};
        select.value = [...select.options].find((each) => each.text === wanted || each.value === wanted).value;
        select.dispatchEvent(new Event("change"));
    }})()"""
    tab.evaluate(script)


def choose_model(tab, text):
    choose_option(tab, "#model", text)
    tab.wait_for(f"{IDLE}")


def names(tab):
    return tab.evaluate("[...document.querySelectorAll('.card')].map((card) => card.dataset.path)")


def card(tab, name):
    """The text of a photograph's card, line by line."""
    found = f"[...document.querySelectorAll('.card')].find((card) => card.dataset.path === {json.dumps(name)})"
    tab.evaluate(f"{found}.scrollIntoView()")  # what is far from the view has no text yet
    return tab.wait_for(f"{found}.innerText").split("\n")


def shown_scores(tab):
    script = "[...document.querySelectorAll('.score-value')].map((value) => [value.textContent, Number(value.dataset.value)])"
    return tab.evaluate(script)


def asked_directly(url, model, path):
    body = {"instances": [{"b64": base64.b64encode(path.read_bytes()).decode()}]}
    request = urllib.request.Request(f"{url}/v1/models/{model}:predict", json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        return json.load(response)["predictions"][0]
