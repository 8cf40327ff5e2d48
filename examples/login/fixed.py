# SPDX-License-Identifier: MIT
"""fixed.py: login() that closes on every path."""
import socket


def login(user):
    with socket.socket():
        return bool(user)
