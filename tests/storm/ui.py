"""What Storm's UI says: the REST API of 1.2, or of the operator's seat where the UI is not published.

Happy path: Ui(port).topologies() and the others return plain dictionaries. They raise OSError while nobody answers,
which is what the callers wait through; `quietly` makes that an empty answer.
"""
import json
import urllib.error
import urllib.parse
import urllib.request


class Ui:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"

    def text(self, path, timeout=20.0, **query):
        url = self.base + urllib.parse.quote(path) + ("?" + urllib.parse.urlencode(query) if query else "")
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as e:
            raise OSError(f"{path}: {e.code} {e.read().decode('utf-8', 'replace')[:600]}") from e

    def get(self, path, timeout=20.0, **query):
        value = json.loads(self.text(path, timeout, **query))
        if isinstance(value, dict) and "error" in value and "errorMessage" in value:
            raise OSError(f"{path}: {value['errorMessage'][:600]}")
        return value

    def nimbuses(self, timeout=20.0):
        return self.get("/api/v1/nimbus/summary", timeout)["nimbuses"]

    def leader(self, timeout=20.0):
        """"host:port" of the leading Nimbus, None while there is none."""
        return next((f"{n['host']}:{n['port']}" for n in self.nimbuses(timeout) if n["status"] == "Leader"), None)

    def topologies(self, timeout=20.0):
        """{name: its row of the summary}"""
        return {t["name"]: t for t in self.get("/api/v1/topology/summary", timeout)["topologies"]}

    def supervisors(self, timeout=20.0):
        return self.get("/api/v1/supervisor/summary", timeout)["supervisors"]

    def topology(self, id):
        """Figures of one topology: emitted by all and by component, workers, time of the newest error."""
        page = self.get("/api/v1/topology/" + id)
        parts = page.get("spouts", []) + page.get("bolts", [])
        emitted = {p.get("spoutId") or p.get("boltId"): p.get("emitted") or 0 for p in parts}
        errors = [p["errorTime"] for p in parts if p.get("errorTime")]
        total = next((s.get("emitted") or 0 for s in page["topologyStats"] if s["window"] == ":all-time"), 0)
        return {"status": page["status"], "emitted": total, "components": emitted, "workers": page.get("workers", []),
                "executors": {p.get("spoutId") or p.get("boltId"): p.get("executors") for p in parts},
                "error": max(errors, default=0)}


def quietly(function, *args, default=None):
    """function(*args), or the default while nobody answers."""
    try:
        return function(*args)
    except (OSError, ValueError, KeyError):
        return default
