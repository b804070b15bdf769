"""Decides whether two streams of items, one direct and one through the proxy, may be called equal.

Replies must be the same in the same order; events too. An event may come earlier than on the direct side, before
replies that are still awaited there, but never later, and never before the reply of the request that armed it.
Replies of ping, auth and SASL may overtake others on a real server: they are compared apart.
"""
import script
import wire

APART_XIDS = {wire.XID_PING, wire.XID_AUTH}


def split(items, sent):
    """([(reply, request index)], [(event, replies before it)], [apart], ending)"""
    index_of = {xid: i for i, (xid, _op) in enumerate(sent)}
    apart_xids = {xid for xid, op in sent if op in script.OUT_OF_ORDER} | {wire.XID_PING}
    replies, events, apart, ending = [], [], [], None
    for item in items:
        if item[0] == "event":
            events.append((item, len(replies)))
        elif item[0] == "reply" and item[1] in apart_xids:
            apart.append(item)
        elif item[0] == "reply":
            replies.append((item, index_of.get(item[1])))
        else:
            ending = item[0]
    return replies, events, apart, ending


def armed_before(event, position, replies, requests, base):
    """How many replies must precede an event: up to the last one, within position, that may have armed it."""
    path = event[3]
    for i in range(position - 1, -1, -1):
        request = replies[i][1]
        if request is None:
            continue
        for watched in script.watched_paths(requests[request]):
            if watched is None or script.real_path(watched, base) == path:
                return i + 1
    return 0


def streams(direct, proxied, sent, requests, base, free=False):
    """None when equal, else what differs. free: events in any order and position (several writers at once)."""
    d, p = split(direct, sent[0]), split(proxied, sent[1])
    for i, ((one, _), (other, _)) in enumerate(zip(d[0], p[0])):
        if one != other:
            return f"reply {i}\n  direct:  {_show(one)}\n  proxied: {_show(other)}"
    if len(d[0]) != len(p[0]) or d[3] != p[3]:
        return (f"stream ends\n  direct:  {len(d[0])} replies, {d[3]}\n  proxied: {len(p[0])} replies, {p[3]}"
                f"{_rest(d[0], p[0])}")
    if sorted(map(repr, d[2])) != sorted(map(repr, p[2])):
        return f"replies of ping, auth or sasl\n  direct:  {d[2]}\n  proxied: {p[2]}"
    return _events(d, p, requests, base, free)


def _events(d, p, requests, base, free):
    one, other = [e for e, _ in d[1]], [e for e, _ in p[1]]
    if free:
        one, other = sorted(one, key=repr), sorted(other, key=repr)
    if one != other:
        return f"events\n  direct:  {_events_text(d[1])}\n  proxied: {_events_text(p[1])}"
    if free:
        return None
    for (event, there), (_same, here) in zip(d[1], p[1]):
        if here > there or here < armed_before(event, there, d[0], requests, base):
            return f"place of event {event}\n  direct:  after {there} replies\n  proxied: after {here} replies"
    return None


def _events_text(events):
    return ", ".join(f"{e[1:]} after {n} replies" for e, n in events) or "none"


def _show(item):
    name = wire.ERR_NAMES.get(item[2], item[2])
    text = repr(item[3])
    return f"xid {item[1]} {name} {text if len(text) < 600 else text[:600] + '...'}"


def _rest(d, p):
    more = d[len(p):] or p[len(d):]
    return f"\n  first more: {_show(more[0][0])}" if more else ""
