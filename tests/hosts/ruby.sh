# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# ruby: threads, a TCP server, Net::HTTP, child processes; sockets that are kept.
what="threads, TCPServer and Net::HTTP, fork and spawn, sockets left in CLOSE_WAIT"
needs="ruby=ruby ss=iproute2"

work()
{
    server ruby ruby "$HERE/ruby.rb" "$DIR/stop"
    until_true 60 grep -q '^ready' "$DIR/ruby.out" || return 1
    descriptors ruby "$pid"
    look
    touch "$DIR/stop"
    until_true 60 gone "$pid"
    stop "$pid"
    cat "$DIR/ruby.out"
}
