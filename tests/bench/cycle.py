# SPDX-License-Identifier: MIT
"""cycle.py FRAMES ROUNDS: microseconds for one connection cycle, as cycle.c's, at that depth of Python's stack."""
import socket
import struct
import sys
import time

frames, rounds = int(sys.argv[1]), int(sys.argv[2])
reset = struct.pack("ii", 1, 0)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1024)
address = listener.getsockname()


def cycle():
    client = socket.socket()
    client.connect(address)
    server, _ = listener.accept()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    client.shutdown(socket.SHUT_WR)
    server.recv(1)
    server.close()
    client.close()


def deep(n):
    if n:
        deep(n - 1)
    else:
        cycle()


def measure(n):
    begin = time.perf_counter()
    for _ in range(n):
        deep(frames - 5)  # the module, measure, deep itself, cycle and socket.__init__ are frames too
    return (time.perf_counter() - begin) / n * 1e6


measure(50)
print("%.4f" % measure(rounds))
