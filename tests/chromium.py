"""A headless Chromium spoken to over a pipe, with the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import select
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser_path() -> str | None:
    """Where a browser is, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """One browser with one page; every message of its console is kept in `console`."""

    def __init__(self, profile: Path, patience: float = 60.0) -> None:
        binary = browser_path()
        assert binary is not None
        self.patience = patience
        self.console: list[str] = []
        self._number = 0
        self._rest = b""
        self._events: list[dict[str, Any]] = []
        child_in, self._out = os.pipe()
        self._in, child_out = os.pipe()
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        command = f"exec {shlex.join([binary, *flags])} 3<&{child_in} 4>&{child_out}"
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            pass_fds=(child_in, child_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(child_in)
        os.close(child_out)
        targets = self._call("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    _session: str | None = None

    def open(self, path: Path) -> None:
        """Load a file and wait until it is there."""
        self.console.clear()
        self._events.clear()
        self._call("Page.navigate", url=path.as_uri())
        end = time.monotonic() + self.patience
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            assert time.monotonic() < end, "the page did not load"
            self._receive()

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def shape(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Set the window's size in CSS pixels, and the colour scheme that the reader prefers."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        found = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def press(self, key: str) -> None:
        """A key, as a keyboard sends it."""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            answer = self._receive()
            if answer is not None and answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError(f"no answer to {method}")

    def _receive(self) -> dict[str, Any] | None:
        """The next message, or None when none comes for a while; events are kept."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], 5.0)
            if not ready:
                return None
            block = os.read(self._in, 1 << 20)
            assert block, "the browser went away"
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        method = message.get("method", "")
        if method:
            self._events.append(message)
        params = message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.console.append(str([one.get("value") for one in params["args"]]))
        elif method == "Log.entryAdded":
            self.console.append(f"{params['entry']['level']}: {params['entry']['text']}")
        return message
