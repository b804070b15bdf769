"""What a core dump of a process would have of its memory.

Happy path: places(pid, b"secret") returns where these bytes lie in memory that is not left out (MADV_DONTDUMP), with what is
around them. Mappings that cannot be read, or are larger than any of ours (a sanitizer's), are passed over.
"""
import re

LARGEST = 1 << 28


def _mappings(pid):
    """(begin, end, name, whether a dump has it)"""
    mapping = None
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
            if found:
                mapping = int(found[1], 16), int(found[2], 16), found[4].strip()
            elif line.startswith("VmFlags:"):
                yield (*mapping, "dd" not in line.split())


def places(pid, secret, left_out=False):
    """left_out: in the memory that a dump does not have, instead."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for begin, end, name, dumped in _mappings(pid):
            if dumped == left_out or end - begin > LARGEST or name.startswith("[v"):
                continue
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except OSError:
                continue
            found += [(name, data[max(0, m.start() - 32):m.end() + 32]) for m in re.finditer(re.escape(secret), data)]
    return found
