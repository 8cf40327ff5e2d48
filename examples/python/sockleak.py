# SPDX-License-Identifier: MIT
"""sockleak.py: the agent's C interface for Python tests, through ctypes; nothing to build or install.

Run the tests under the agent: `sockleak run -- python3 -m pytest` or LD_PRELOAD=libsockleak.so. Each test's part of it:

    with no_leaked_sockets():
        code_under_test()

The report has the Python functions, files and lines that opened them.
"""
import contextlib
import ctypes
import gc

ALL = 0x3F
QUIET = 0x20000000
_agent = ctypes.CDLL(None)
try:
    _agent.sockleak_mark.restype = ctypes.c_uint64
    _agent.sockleak_check.argtypes = [ctypes.c_uint64, ctypes.c_uint, ctypes.c_int]
    _agent.sockleak_text.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_uint]
    _agent.sockleak_ignore.argtypes = [ctypes.c_int]
except AttributeError:  # not preloaded
    _agent = None


def active():
    return _agent is not None and _agent.sockleak_active() == 1


def ignore(sock):
    """This socket is meant to stay open."""
    if active():
        _agent.sockleak_ignore(sock.fileno())


@contextlib.contextmanager
def no_leaked_sockets(timeout_ms=1000, optional=False):
    """Raises AssertionError, with the report, when a socket that was opened meanwhile is still open."""
    if not active():
        if not optional:
            raise AssertionError("the sockleak agent is not active: run the tests as `sockleak run -- python3 -m pytest` or with LD_PRELOAD=libsockleak.so")
        yield
        return
    mark = _agent.sockleak_mark()
    yield
    if _agent.sockleak_check(mark, ALL | QUIET, 0) > 0:
        gc.collect()  # what only a cycle of garbage holds is not leaked for good; leave this line out to be strict
    left = _agent.sockleak_check(mark, ALL | QUIET, timeout_ms)
    if left < 0:
        raise AssertionError("the sockleak agent could not look for leaked sockets")
    if left:
        size = _agent.sockleak_text(None, 0, mark, ALL) + 1
        report = ctypes.create_string_buffer(size)
        _agent.sockleak_text(report, size, mark, ALL)
        raise AssertionError(f"sockets opened by this test and still open: {left}\n{report.value.decode(errors='replace')}")
