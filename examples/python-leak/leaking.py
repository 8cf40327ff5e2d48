# SPDX-License-Identifier: MIT
"""leaking.py: asks a service over HTTP with urllib3; what was refused is kept to be looked at, and so is its connection.

    sockleak run -- python3 leaking.py "$URL"
"""
import sys

import urllib3

http = urllib3.PoolManager()
refused = []


def log_in(user):
    reply = http.request("POST", sys.argv[1], fields={"user": user}, preload_content=False)
    if reply.status != 200:
        refused.append(reply)  # its body is never read, its connection never released
        return None
    token = reply.read()
    reply.release_conn()
    return token


for name in ("bob", "eve", "joe", "ada"):
    log_in(name)
print(len(refused), "were refused")
