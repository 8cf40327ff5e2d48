# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# node: one loop with server and clients (libuv closes by syscall), worker threads, a child process, an upgrade handler that never ends its socket.
what="server and clients in one loop, worker threads, child processes, sockets that the program forgets"
needs="node=nodejs ss=iproute2"

work()
{
    server node node "$HERE/node.js" "$DIR/stop"
    until_true 90 grep -q '^ready' "$DIR/node.out" || return 1
    look
    touch "$DIR/stop"
    until_true 60 gone "$pid"
    stop "$pid"
    cat "$DIR/node.out"
}
