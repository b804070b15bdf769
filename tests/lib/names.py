"""A resolver under the test's control: fake_names.c, compiled and preloaded into a daemon.

    names = Names(zk1="127.0.0.1")
    proxy = rig.Pacekeeper("zk1:2181", env=names.env).start()
    names.set(zk1="127.0.0.2 127.0.0.3")    # or "hangs", or "" for a name that does not exist
"""
import os

import preload
from procs import temp_dir


class Names:
    def __init__(self, **names):
        self.path = os.path.join(temp_dir(), "names")
        self.names = {}
        self.set(**names)
        self.env = preload.into("fake_names", FAKE_NAMES=self.path)

    def set(self, **names):
        self.names.update(names)
        with open(self.path + ".new", "w") as f:
            f.writelines(f"{name} {addresses}\n" for name, addresses in self.names.items())
        os.replace(self.path + ".new", self.path)
