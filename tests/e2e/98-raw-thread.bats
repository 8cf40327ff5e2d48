#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# libc does not know the watcher, where that is possible: the program stays one with a single thread.

load helpers

setup()
{
    helpers_setup
    [ "$(uname -m)" = x86_64 ] || skip "on this processor the watcher is a thread of libc's"
    logs=$TESTTMP/log
}

options() { printf 'interval=50ms:grace=100ms:verbosity=1:log_path=%s.%%p' "$logs"; }
raw_thread() { run with_agent "$(options)" "$VICTIMS/raw_thread" "$@"; }
unknown_to_libc() { grep -hqE 'the watcher has started \(thread [0-9]+, unknown to libc\)' "$logs".*; }
known_to_libc() { grep -hqE 'the watcher has started \(thread [0-9]+\);' "$logs".*; }

@test "libc goes on as for a program with one thread while the watcher looks and reports" {
    raw_thread alone
    [ "$status" -eq 0 ]
    [ "$output" = "libc thinks that it is alone" ]
    unknown_to_libc
    grep -q "1 socket stuck in CLOSE_WAIT" "$logs".*
}

@test "the pthread_exit of the only thread, or of the first of two, ends the program as it would alone" {
    for what in exit last; do
        raw_thread "$what"
        [ "$status" -eq 0 ]
        [ "$output" = "exit handler" ]
        unknown_to_libc
        contains "$(cat "$logs".*)" "SUMMARY: sockleak: 1 socket leaked"
        rm "$logs".*
    done
}

@test "a thread that the program makes later finds a libc that knows of two" {
    raw_thread libc_again
    [ "$status" -eq 0 ]
    [ "$output" = "libc knows two threads" ]
    unknown_to_libc
}

@test "each of many forked children has one of its own, and stays alone for libc" {
    run with_agent "$(options):leak_check_at_exit=all" "$VICTIMS/raw_thread" forks 60
    [ "$output" = "60 of 60 children" ]
    [ "$(grep -lE "unknown to libc" "$logs".* | wc -l)" -eq 60 ]
    [ "$(grep -l "1 socket leaked" "$logs".* | wc -l)" -eq 60 ]
}

@test "objects come and go while it reports" {
    echo 'int nothing_else = 1;' >"$TESTTMP/o.c"
    gcc -shared -fPIC -o "$TESTTMP/o.so" "$TESTTMP/o.c"
    raw_thread loads 3000 "$TESTTMP/o.so"
    [ "$output" = "3000 of 3000 loads" ]
    unknown_to_libc
    grep -q "stuck in CLOSE_WAIT" "$logs".*
}

@test "a debugger sees it with its number and its stack" {
    command -v gdb >/dev/null || skip "no gdb"
    printf '%s\n' 'set pagination off' "set environment LD_PRELOAD $AGENT" "set environment SOCKLEAK_OPTIONS $(options)" 'break say' 'run' \
        'info threads' 'thread 2' 'backtrace' 'print errno' 'kill' >"$TESTTMP/commands"
    run gdb -q -batch -nx -iex 'set auto-load safe-path /' -x "$TESTTMP/commands" --args "$VICTIMS/raw_thread" alone
    echo "$output"
    contains "$output" 'LWP [0-9]+\) "sockleak"'
    contains "$output" 'watch_thread'
    contains "$output" '\$1 = 0'
}

cpp_program()
{
    cat >"$TESTTMP/p.cc" <<'C'
#include <string>
extern "C" {
#include "victim.h"
}
namespace pool {
template <class T> struct holder {
    __attribute__((noinline)) T take() { T fd = connect_loopback(); return fd; }
};
}
int main(int, char **argv)
{
    std::string text(argv[0]);
    int listener = listen_loopback(), fd = pool::holder<int>().take();
    close(accept(listener, NULL, NULL));
    recv(fd, &text[0], 1, 0);
    usleep(700000);
    return text.empty();
}
C
    g++ -w -g -O1 -rdynamic -D_GNU_SOURCE -I"$TOP/tests/victims" -o "$TESTTMP/cpp" "$TESTTMP/p.cc" -ldl || skip "no C++ compiler"
}

@test "C++ names are readable in its reports: the command reads them" {
    cpp_program
    run with_agent "$(options):leak_check_at_exit=0" "$TESTTMP/cpp"
    unknown_to_libc
    contains "$(cat "$logs".*)" '#[0-9]+ pool::holder<int>::take\(\)'
    lacks "$(cat "$logs".*)" '_ZN4pool'
}

@test "where the command is missing a C++ program's watcher is a thread of libc's, which may call the demangler" {
    cpp_program
    mkdir "$TESTTMP/alone"
    cp "$AGENT" "$TESTTMP/alone"
    AGENT=$TESTTMP/alone/libsockleak.so
    run with_agent "$(options):leak_check_at_exit=0" "$TESTTMP/cpp"
    known_to_libc
    contains "$(cat "$logs".*)" '#[0-9]+ pool::holder<int>::take\(\)'
    rm "$logs".*
    run with_agent "$(options):symbolize=0" "$TESTTMP/cpp" # names nothing, needs nothing
    unknown_to_libc
    rm "$logs".*
    raw_thread alone # C
    unknown_to_libc
}

@test "in a process that it was attached to, the watcher is a thread of libc's, which may ask the loader" {
    start attached env SOCKLEAK_OPTIONS="$(options)" "$VICTIMS/raw_thread" waits
    wait_for 20 grep -q . "$TESTTMP/attached.out"
    "$SOCKLEAK" attach --log "$logs" "$pid"
    wait_for 20 known_to_libc
    run unknown_to_libc
    [ "$status" -ne 0 ]
}
