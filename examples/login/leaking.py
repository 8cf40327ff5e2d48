# SPDX-License-Identifier: MIT
"""leaking.py: login() that keeps every refused connection in a list that nobody reads."""
import socket

retry_later = []


def login(user):
    connection = socket.socket()
    if not user:
        retry_later.append(connection)
        return False
    connection.close()
    return True
