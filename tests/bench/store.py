"""Sections of `make bench`: what is held in memory, each on a daemon that has done nothing else."""

from runner import UNDER
from table import Table


def memory(bench):
    """Resident memory of connections and znodes."""
    if "pacekeeper" not in bench.targets:
        return
    sessions, znodes = (1000, 20000) if bench.quick else (4000, 100000)
    daemons = [("pacekeeper", None)] + ([("other", bench.against)] if bench.against else [])
    table = Table("resident memory", ["server", "what", "count", "bytes each"])
    for name, path in daemons:
        daemon = bench.new_daemon(path=path)
        r = bench.run(name, "idle", server=daemon, sessions=sessions, seconds=1)
        daemon.stop()
        if r:
            table.row(name, "idle connection pair", sessions, r["it_bytes_each"])
            if path is None:
                bench.expect("bytes per idle connection pair", r["it_bytes_each"], 4096, at_least=False)
        for size in (64, 1024):
            daemon = bench.new_daemon(path=path)
            r = bench.run(name, "znodes", server=daemon, sessions=10, znodes=znodes, size=size, root=UNDER)
            daemon.stop()
            if r:
                table.row(name, f"znode of {size} bytes, beyond data and name", znodes, r["it_bytes_each"])
                if path is None:
                    bench.expect(f"bytes per znode of {size} bytes beyond data and name", r["it_bytes_each"], 200,
                                 at_least=False)
    table.print()
