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
    # names that were never read: they are looked up while the interpreter ends
    exec("def f%d(deep):\n%s  deep(3)\nf%d(deep)\n" % (n % 997, "\n" * (n % 61), n % 997), {"deep": deep})


def run(seed):
    n = seed * 7919
    while True:
        n += 1
        deep(15)
        made(n)


for i in range(24):
    threading.Thread(target=run, args=(i,), daemon=True).start()
time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0.05)
