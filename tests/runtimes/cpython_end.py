# SPDX-License-Identifier: MIT
"""cpython_end.py: ends while 24 daemon threads open sockets, whose frames the interpreter frees under them."""
import _socket
import sys
import threading
import time


def deep(n):
    if n:
        return deep(n - 1)
    s = _socket.socket()
    s.close()


def made(n):
    namespace = {"deep": deep}
    exec("def f%d(n):\n%s  deep(n)\n" % (n, "\n" * (n % 61)), namespace)
    return namespace["f%d" % n]


# many names, so that some are read for the first time while the interpreter ends; none is made then, which crashes 3.10 by itself
functions = [made(n) for n in range(4000)]


def run(seed):
    n = seed * 7919
    while True:
        n += 1
        functions[n % len(functions)](n % 15)


for i in range(24):
    threading.Thread(target=run, args=(i,), daemon=True).start()
time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0.05)
