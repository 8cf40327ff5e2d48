#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The hard cases of stack capture: what an unwinder inside somebody else's process must not do. Each victim runs bare and with the agent and must not
# be able to tell.

load helpers

# stacks: the functions of every leak's stack, innermost first, down to main
stacks() { json "$TESTTMP/log" '"\n".join(sorted(" ".join(f["symbol"] or "?" for f in l["frames"]).split(" __libc_start")[0] for l in leaks))'; }

# build_module NAME FLAG...: tests/victims/preload/hard_module.cc
build_module()
{
    local name=$1
    shift
    "${CXX:-g++}" -shared -fPIC -O1 -g "$@" -o "$TESTTMP/$name.so" "$TOP/tests/victims/preload/hard_module.cc" || skip "no C++ compiler"
}

@test "A1: closefrom, and sockets on the numbers of the unwinder's pipe: no byte is eaten and none is sent" {
    compared "" hard_unwinder streams
    [ "$(grep -c ': HELLO$' <<<"$output")" = 40 ]
}

@test "A2: under a filter that allows what sshd's does, the program lives, and each stack that is told of an end is recorded" {
    compared "" hard_unwinder sandboxed
    [ "$status" = 0 ]
    [ "$output" = lived ]
    run "$SOCKLEAK" report --format json --kinds all --min-age 0 "$XDG_RUNTIME_DIR/sockleak"
    [ "$(grep -o '"eof":"read"' <<<"$output" | wc -l)" -ge 1 ]
    contains "$output" '"symbol":"is_told"'
}

@test "A3: a C program that loads C++ code later throws its exceptions through libgcc, and gets no unwinder of ours" {
    build_module throws -DTHROWS
    compared "" hard_loader throws "$TESTTMP/throws.so"
    contains "$output" '^caught 42$'
    contains "$output" '^unwinder /libgcc_s'
    contains "$output" '^global none$'
}

@test "A4: a child that is forked while other threads take their stacks by libunwind takes its own" {
    compared "" hard_loader forks "$TESTTMP"
    [ "$output" = "bad 0" ]
}

@test "A5: threads that take their stacks by libunwind beside one that loads libraries do not lock each other out" {
    build_module on_load -DON_LOAD
    compared "" hard_loader loads "$TESTTMP/on_load.so"
    [ "$output" = "done" ]
}

@test "A6: a signal handler that opens sockets at any moment of a capture neither hangs nor crashes" {
    compared "" hard_unwinder interrupted
    [ "$output" = "done" ]
}

@test "A7: a thread that is cancelled inside a capture ends as a cancelled thread does, and leaves no lock behind" {
    compared kinds=all hard_unwinder cancelled
    [ "$output" = "others 0" ]
    [ "$(uname -m)" != x86_64 ] || contains "$(stacks)" '^opens odd_call deep cancelled main$'
}

@test "A7: threads on whose stacks an old return address of a handler lies cost another thread none of its frames" {
    compared kinds=all hard_unwinder stale
    [ "$output" = left ]
    [ "$(uname -m)" != x86_64 ] || contains "$(stacks)" '^opens odd_call deep deep stale main$'
}

@test "A8: code without tables and frame pointers that are garbage: no fault, no endless walk" {
    compared "" hard_stacks garbage
    [ "$output" = lived ]
    compared max_frames=64 hard_stacks garbage
}

@test "A9: a thread that opens a socket takes no memory for that" {
    local bare
    run "$VICTIMS/hard_stacks" threads
    bare=$output
    run with_agent "" "$VICTIMS/hard_stacks" threads
    echo "a thread takes $bare KiB bare, $output KiB with the agent"
    [ "$status" = 0 ]
    [ "$output" -le $((bare + 12)) ]
}

@test "A10: a call that succeeds leaves errno alone, also when its stack is taken by libunwind for the first time" {
    compared "" hard_unwinder errno
    [ "$output" = "done" ]
}

@test "A11: coroutines, stacks that the program made and a signal stack, with nothing readable around them: no fault, and the stack as far as it goes" {
    compared kinds=all hard_stacks made_stacks
    [ "$output" = lived ]
    # A coroutine's ends at its beginning, in libc; the others go on in the function that switched the stack or was interrupted.
    contains "$(stacks)" '^opens leaves [?]$'
    contains "$(stacks)" '^opens leaves handler .* made_stacks main$'
    [ "$(uname -m)" != x86_64 ] || contains "$(stacks)" '^opens leaves on_stack made_stacks main$'
}

@test "A12: two libraries of different frames, one after the other at one address: every stack is right" {
    build_module small -DROOM=1024
    build_module large -DROOM=9216
    compared "" hard_loader one_address "$TESTTMP/small.so" "$TESTTMP/large.so"
    contains "$output" 'same address 1'
    stacks
    [ "$(stacks | sort -u)" = "module_opens call one_address main" ]
    [ "$(json "$TESTTMP/log" 'sum(l["count"] for l in leaks)')" = 200 ]
    [ "$(json "$TESTTMP/log" '[l["opened"] == l["live"] == l["count"] for l in leaks]')" = '[True, True]' ]
}
