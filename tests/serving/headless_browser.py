"""Chromium without a window, driven over the DevTools protocol; calls wait and return, as tests want it."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT = 20.0  # seconds until something that should come counts as missing


@contextlib.contextmanager
def browser():
    """A running browser; skips the test where none is installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no browser here: none of " + ", ".join(NAMES))
    with tempfile.TemporaryDirectory(prefix="tfiqa-browser-", ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}", "--disable-gpu"]
        options += ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox refuses to run as root
        command = [program, *options, "about:blank"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield Browser(loop, _port(Path(profile) / "DevToolsActivePort", process))
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            process.terminate()
            process.wait(WAIT)


def _port(file, process):
    end = time.monotonic() + WAIT
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().splitlines()[0])
        time.sleep(0.05)
    pytest.skip("the browser does not start here")


class Browser:
    """A browser that listens on a port of this machine."""

    def __init__(self, loop, port):
        self._loop = loop
        self._url = f"http://127.0.0.1:{port}"

    @contextlib.contextmanager
    def tab(self, url, **view):
        """A new tab that shows the address; `view` as for `Tab.show_as`."""
        tab = Tab(self._loop)
        try:
            self._run(tab.connect(self._url))
            if view:
                tab.show_as(**view)
            tab.call("Page.navigate", url=url)
            tab.wait_for("document.readyState === 'complete'")
            yield tab
        finally:
            self._run(tab.close())

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT)


class Tab:
    """One tab. `events` holds all that the browser told, (method, parameters), in order."""

    def __init__(self, loop):
        self._loop = loop
        self._numbers = itertools.count(1)
        self._answers = {}
        self.events = []

    async def connect(self, browser_url):
        """Opens the tab."""
        self._session = aiohttp.ClientSession()
        async with self._session.put(f"{browser_url}/json/new?about:blank") as response:
            self._target = await response.json()
        self._close_url = f"{browser_url}/json/close/{self._target['id']}"
        self._socket = await self._session.ws_connect(self._target["webSocketDebuggerUrl"], max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
            await self._call(f"{domain}.enable", {})

    async def close(self):
        """Closes the tab."""
        self._reader.cancel()
        await self._socket.close()
        async with self._session.get(self._close_url):
            pass
        await self._session.close()

    def call(self, method, **parameters):
        """A DevTools method's result; fails with the browser's own text."""
        return asyncio.run_coroutine_threadsafe(self._call(method, parameters), self._loop).result(WAIT)

    def evaluate(self, script):
        """The value of a JavaScript expression, awaited if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script):
        """Waits until a JavaScript expression is true, and returns its value."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.03)
        raise AssertionError(f"never true: {script}; the page says {self.evaluate('document.body.innerText')}")

    def wait_for_event(self, name):
        """Waits until the browser has told an event of the given name, and returns its parameters."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            for method, event in list(self.events):
                if method == name:
                    return event
            time.sleep(0.03)
        raise AssertionError(f"never came: {name}")

    def show_as(self, width=1280, height=900, mobile=False, dark=False):
        """Sets the size of the view, in CSS pixels, and the colour scheme; `mobile` with touch and two pixels each."""
        scale = 2 if mobile else 1
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def set_files(self, selector, paths):
        """Picks files in a file input, as the browser's own dialog would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path) for path in paths], nodeId=node)

    def press(self, key, modifiers=0):
        """Presses and lets go a key, such as "Tab", "Enter" or "ArrowRight"; modifiers 8 is shift."""
        texts, codes = {"Enter": "\r", " ": " "}, {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35}
        codes |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        key_down = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
        text = {"text": texts[key]} if key in texts else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", modifiers=modifiers, **key_down, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **key_down)

    def click(self, selector):
        """Clicks on the middle of an element with the mouse."""
        script = f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            found.scrollIntoView({{block: "center", behavior: "instant"}});
            const box = found.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
        }})()"""
        x, y = self.evaluate(script)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path, full=False):
        """Writes what is seen, or the full page, as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=full)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def complaints(self):
        """All errors and warnings in the console so far."""
        found = []
        for method, event in list(self.events):
            if method == "Runtime.exceptionThrown":
                found.append(event["exceptionDetails"])
            elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
                found.append(event["args"])
            elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
                found.append(event["entry"])
        return found

    def requested(self):
        """The addresses of all requests so far."""
        return [event["request"]["url"] for method, event in list(self.events) if method == "Network.requestWillBeSent"]

    async def _call(self, method, parameters):
        number = next(self._numbers)
        arrival = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        answer = await asyncio.wait_for(arrival, WAIT)
        assert "error" not in answer, f"{method}: {answer.get('error')}"
        return answer["result"]

    async def _read(self):
        async for message in self._socket:
            answer = message.json()
            if "id" in answer:
                arrival = self._answers.pop(answer["id"])
                if not arrival.done():  # else nobody waits any more
                    arrival.set_result(answer)
            else:
                self.events.append((answer["method"], answer["params"]))
