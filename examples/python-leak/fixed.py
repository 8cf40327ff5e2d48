# SPDX-License-Identifier: MIT
"""fixed.py: the same with the connection released on both ways.

    sockleak run -- python3 fixed.py "$URL"
"""
import sys

import urllib3

http = urllib3.PoolManager()
refused = []


def log_in(user):
    reply = http.request("POST", sys.argv[1], fields={"user": user}, preload_content=False)
    body = reply.read()
    reply.release_conn()
    if reply.status != 200:
        refused.append(reply)
        return None
    return body


for name in ("bob", "eve", "joe", "ada"):
    log_in(name)
print(len(refused), "were refused")
