"""A browser without a screen, driven over its debugging pipe: keys, windows, what it has drawn.

Happy path: with Chrome(url, width, height) as c: c.key("Tab"), c.ask("an expression") is its value. Failure: a call that the
browser answers with an error, or not within ten seconds, fails the test with what was said; a question that met the page as
it was loaded anew is asked again.
"""
import json
import os
import select
import subprocess
import time

import rig

ASKED_AGAIN = 5
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "ArrowRight": (39, "")}


class Chrome:
    def __init__(self, url, width=1100, height=700, scripts=True):
        shell = rig.need("/usr/bin/chromium-headless-shell", "chromium-headless-shell")
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()
        argv = [shell, "--no-sandbox", "--disable-gpu", f"--user-data-dir={rig.temp_dir()}", "--remote-debugging-pipe",
                f"--window-size={width},{height}"]

        def pipes():            # the browser reads 3 and writes 4
            os.dup2(theirs_in, 33)
            os.dup2(theirs_out, 34)
            os.dup2(33, 3)
            os.dup2(34, 4)

        self.popen = subprocess.Popen(argv, preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.number, self.buffer, self.session = 0, b"", None
        page = self.call("Target.createTarget", url="about:blank", width=width, height=height)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.navigate", url=url)
        rig.eventually(lambda: self.ask("document.readyState") == "complete" and self.ask("location.href") == url, 10,
                       f"{url} in the browser")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait(10)
        os.close(self.out)
        os.close(self.into)

    def message(self, end):
        while b"\0" not in self.buffer:
            if not select.select([self.into], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("the browser does not answer")
            self.buffer += os.read(self.into, 65536)
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def answer(self, method, **params):
        self.number += 1
        what = {"id": self.number, "method": method, "params": params}
        if self.session:
            what["sessionId"] = self.session
        os.write(self.out, json.dumps(what).encode() + b"\0")
        end = time.monotonic() + 10
        while True:
            answer = self.message(end)
            if answer.get("id") == self.number:
                return answer

    def call(self, method, **params):
        answer = self.answer(method, **params)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def ask(self, expression):
        """The value of an expression that changes nothing, so that it can be asked again of the page that comes next."""
        for _ in range(ASKED_AGAIN):
            answer = self.answer("Runtime.evaluate", expression=expression, returnByValue=True)
            if "navigated or closed" not in answer.get("error", {}).get("message", ""):
                break
        assert "error" not in answer, (expression, answer)
        return answer["result"]["result"].get("value")

    def key(self, name):
        code, text = KEYS[name]
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **more)
