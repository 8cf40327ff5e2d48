# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# perl: IO::Socket, a server that forks for each connection, stdio over sockets; sockets that are kept.
what="a forking server, buffered I/O over sockets, IO::Select, sockets left in CLOSE_WAIT"
needs="perl=perl ss=iproute2"

work()
{
    server perl perl "$HERE/perl.pl" "$DIR/stop"
    until_true 60 grep -q '^ready' "$DIR/perl.out" || return 1
    descriptors perl "$pid"
    look
    touch "$DIR/stop"
    until_true 60 gone "$pid"
    stop "$pid"
    cat "$DIR/perl.out"
}
