# SPDX-License-Identifier: MIT
# kept.py: a client that keeps two connections which its server has closed, and lives until the end of its input.
import socket
import sys

listener = socket.create_server(("127.0.0.1", 0))


def keep():
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    server.sendall(b"refused")
    server.close()
    return client


kept = [keep(), keep()]
print("kept", flush=True)
sys.stdin.read()
