# SPDX-License-Identifier: MIT
# life.py [fixed]: three functions send on connections that one helper has opened. The interpreter calls them all at the same place of its own
# stack; the ones of guilty are never closed. Prints "ready" and ends at the end of its input.
import socket
import sys

fixed = sys.argv[1:] == ["fixed"]
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
kept = []


def opens():
    peer = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    return ours, peer


def innocent(ours):
    ours.sendall(b"hello")


def guilty(ours):
    ours.sendall(b"hello")


def rude(ours):
    ours.sendall(b"bye")


for speak in [innocent] * 5 + [guilty] * 3 + [innocent] * 2:
    ours, peer = opens()
    speak(ours)
    rude(ours)
    peer.recv(100)
    peer.close()
    if speak is guilty and not fixed:
        kept.append(ours)
    else:
        ours.close()
listener.close()
print("ready", flush=True)
sys.stdin.read()
for ours in kept:
    ours.detach()
