"""Shortens a failing script: delta debugging over steps, then over the requests inside pipelines.

A candidate counts when it fails in the same way, each try on a fresh base path. A failure that needs luck is tried
several times per candidate.
"""
import re
import time


def way(failure):
    """What kind of failure it is: its first words without numbers and paths."""
    return re.sub(r"client \d+|[\d/(].*", "", failure.text.split("\n")[0]).strip(" :")


def fails(run, script, tries, kind):
    """The failure of the first try that fails in this way, or None."""
    for _ in range(tries):
        failure = run(script)
        if failure is not None and way(failure) == kind:
            return failure
    return None


def shrink(run, script, first, budget=120.0):
    """(shortest script, its failure, reproducible). run(script) returns a failure or None; first is the one seen."""
    kind = way(first)
    end = time.monotonic() + budget
    tries = 1
    failure = None
    for tries in (1, 3, 10):
        failure = fails(run, script, tries, kind)
        if failure is not None:
            break
    if failure is None:
        return script, None, False
    best = [script, failure]

    def attempt(steps):
        if time.monotonic() > end:
            return False
        candidate = {"base": script["base"], "steps": steps}
        found = fails(run, candidate, tries, kind)
        if found is None:
            return False
        best[:] = [candidate, found]
        return True

    if isinstance(failure.step, int):
        attempt(script["steps"][:failure.step + 1])
    changed = True
    while changed and time.monotonic() < end:
        before = best[0]["steps"]
        _remove_chunks(best, attempt)
        _shorten_batches(best, attempt)
        changed = best[0]["steps"] is not before
    return best[0], best[1], True


def _remove_chunks(best, attempt):
    size = max(1, len(best[0]["steps"]) // 2)
    while size:
        at = 0
        while at < len(best[0]["steps"]):
            steps = best[0]["steps"]
            if not attempt(steps[:at] + steps[at + size:]):
                at += size
        size //= 2


def _shorten_batches(best, attempt):
    at = 0
    while at < len(best[0]["steps"]):
        if best[0]["steps"][at][0] in ("pipe", "lastwords", "first"):
            _shorten_pipe(best, attempt, at)
        elif best[0]["steps"][at][0] == "par":
            _shorten_par(best, attempt, at)
        at += 1


def _replace(best, at, steps):
    old = best[0]["steps"]
    return old[:at] + steps + old[at + 1:]


def _shorten_pipe(best, attempt, at):
    kind, client, requests, *rest = best[0]["steps"][at]
    if attempt(_replace(best, at, [("req", client, r) for r in requests])):
        return
    size = max(1, len(requests) // 2)
    while size:
        i = 0
        while i < len(requests):
            shorter = requests[:i] + requests[i + size:]
            if shorter and attempt(_replace(best, at, [(kind, client, shorter, *rest)])):
                requests = shorter
            else:
                i += size
        size //= 2


def _shorten_par(best, attempt, at):
    batches = best[0]["steps"][at][1]
    for client in list(batches):
        fewer = {c: b for c, b in batches.items() if c != client}
        if fewer and attempt(_replace(best, at, [("par", fewer)])):
            batches = fewer
            continue
        requests, size = batches[client], max(1, len(batches[client]) // 2)
        while size:
            i = 0
            while i < len(requests):
                shorter = requests[:i] + requests[i + size:]
                changed = {**batches, client: shorter}
                if shorter and attempt(_replace(best, at, [("par", changed)])):
                    batches, requests = changed, shorter
                else:
                    i += size
            size //= 2
