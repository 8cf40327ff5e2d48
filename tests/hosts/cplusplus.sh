# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# cplusplus, and rust where it is: exceptions through frames that hold sockets, threads, destructors that close.
what="exceptions through frames that hold sockets, threads, a socket that each of two forgets; the same in Rust with panics"
needs="g++=g++ ss=iproute2"
optional="/usr/bin/rustc=rustc"

work()
{
    g++ -std=c++17 -O2 -g -pthread -o "$DIR/cpp" "$HERE/holds.cc" || return 1
    one cpp
    if [[ -x /usr/bin/rustc ]] && /usr/bin/rustc -C debuginfo=1 -o "$DIR/rust" "$HERE/holds.rs" 2>"$DIR/rustc.txt"; then
        one rust
    fi
}
one()
{
    rm -f "$DIR/stop"
    server "$1" "$DIR/$1" "$DIR/stop"
    until_true 60 grep -q '^ready' "$DIR/$1.out" || return 1
    descriptors "$1" "$pid"
    look
    touch "$DIR/stop"
    until_true 60 gone "$pid"
    stop "$pid"
    cat "$DIR/$1.out"
}
