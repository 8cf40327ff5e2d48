# SPDX-License-Identifier: MIT
"""outcomes.py MODULE FILE: runs a file of CPython's tests as `python3 -m test` does, or what another module's name with dots leads to, and writes
each test's outcome to FILE, sorted."""
import os, sys, unittest
from test import support
from test.support import os_helper

outcomes = {}


class Result(unittest.TextTestResult):
    def note(self, test, what):
        key = test.id().split(" ")[0].removeprefix("test.")
        if outcomes.get(key) not in ("failed", "error"):
            outcomes[key] = what

    def addSuccess(self, t): super().addSuccess(t); self.note(t, "ok")
    def addFailure(self, t, e): super().addFailure(t, e); self.note(t, "failed")
    def addError(self, t, e): super().addError(t, e); self.note(t, "error")
    def addSkip(self, t, why): super().addSkip(t, why); self.note(t, "skipped")
    def addExpectedFailure(self, t, e): super().addExpectedFailure(t, e); self.note(t, "ok")
    def addUnexpectedSuccess(self, t): super().addUnexpectedSuccess(t); self.note(t, "error")
    def addSubTest(self, t, sub, e):
        super().addSubTest(t, sub, e)
        if e: self.note(t, "failed")


def left_in(suite):
    """without the tests of VSOCK, which hang on machines that have the family and no loopback in it"""
    for t in suite:
        if isinstance(t, unittest.TestSuite):
            yield from left_in(t)
        elif "VSOCK" not in t.id():
            yield t


def main():
    name = sys.argv[1]
    support.verbose = True
    # Nothing that leaves this machine; test_socketserver asks for the network and stays on loopback.
    support.use_resources = ["subprocess"] + (["network"] if name.endswith("socketserver") else [])
    here = os.path.abspath(sys.argv[2])
    try:
        with os_helper.temp_cwd(f"cwd{os.getpid()}"):
            suite = unittest.defaultTestLoader.loadTestsFromName(name if "." in name else "test." + name)
            unittest.TextTestRunner(resultclass=Result, verbosity=2, stream=sys.stdout).run(unittest.TestSuite(left_in(suite)))
    except unittest.SkipTest:
        outcomes["the_file"] = "skipped"
    finally:
        with open(here, "w") as f:
            f.writelines(f"{k} {v}\n" for k, v in sorted(outcomes.items()))
        sys.stdout.flush()


# Children that are spawned import this file.
if __name__ == "__main__":
    main()
