# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# python3: threads, asyncio, subprocess (vfork), multiprocessing, TLS, a pool that the server closed; a part of CPython's own tests.
what="threads, asyncio, subprocess, multiprocessing, sockets left in CLOSE_WAIT, FIN_WAIT_2 and dead"
needs="python3=python3 ss=iproute2"

work()
{
    server python python3 "$HERE/python3.py" "$DIR/stop"
    until_true 60 grep -q '^ready' "$DIR/python.out" || return 1
    descriptors python "$pid"
    look
    touch "$DIR/stop"
    until_true 60 gone "$pid"
    stop "$pid"
    cat "$DIR/python.out"
}
