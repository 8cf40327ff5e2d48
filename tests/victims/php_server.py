# SPDX-License-Identifier: MIT
"""php_server.py KIND: a server that closes each connection first, and prints "listening on PORT". Ends with its input.

http answers once; mysql lets each client in without looking; quiet says nothing.
"""
import socket
import sys
import threading


def http(c):
    c.recv(4096)
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


def packet(number, body):
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def mysql(c):
    # protocol 41 with secure connection and plugin names
    low, high = (0xFFFF & ~0x0800 & ~0x20).to_bytes(2, "little"), (0x0008).to_bytes(2, "little")
    greeting = b"\x0a8.0.0\0" + (7).to_bytes(4, "little") + b"12345678\0" + low + b"\x21\x02\0" + high + b"\x15" + bytes(10)
    c.sendall(packet(0, greeting + b"123456789012\0mysql_native_password\0"))
    c.recv(4096)
    c.sendall(packet(2, b"\0\0\0\2\0\0\0"))


def quiet(c):
    pass


def serve(listener, answer):
    while True:
        c = listener.accept()[0]
        answer(c)
        c.close()


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
threading.Thread(target=serve, args=(listener, globals()[sys.argv[1]]), daemon=True).start()
print("listening on", listener.getsockname()[1], flush=True)
sys.stdin.read()
