# SPDX-License-Identifier: MIT
"""php_ask.py SOCKET SCRIPT QUERY: asks php-fpm for a page over FastCGI, and prints what it says."""
import socket
import struct
import sys

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def record(kind, body=b""):
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body


def pair(name, value):
    return struct.pack(">BB", len(name), len(value)) + name.encode() + value.encode()


params = {"SCRIPT_FILENAME": sys.argv[2], "REQUEST_METHOD": "GET", "QUERY_STRING": sys.argv[3], "SCRIPT_NAME": "/page.php"}
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(record(BEGIN, struct.pack(">HB5x", 1, 0)) + record(PARAMS, b"".join(pair(*p) for p in params.items())) + record(PARAMS) + record(STDIN))
answer = s.makefile("rb")
while True:
    head = answer.read(8)
    if len(head) < 8:
        sys.exit("no end of the answer")
    kind, size, padding = struct.unpack(">xBxxHBx", head)
    body = answer.read(size)
    answer.read(padding)
    if kind == STDOUT:
        sys.stdout.write(body.decode())
    if kind == END:
        break
