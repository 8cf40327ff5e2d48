#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the agent writes by itself: colours, notes, objects, and what it counts.

bats_require_minimum_version 1.5.0
load helpers

# on_a_terminal [NAME=VALUE]... COMMAND: its output, as a terminal would get it
on_a_terminal() { python3 -c 'import pty, sys; sys.exit(pty.spawn(["env"] + sys.argv[1:]))' "$@"; }

@test "NO_COLOR takes the colour from a terminal, unless it is empty or color=always" {
    local leak=(LD_PRELOAD="$AGENT" "$VICTIMS/each_kind" hangup) red=$'\033''\[1;31m'
    contains "$(on_a_terminal "${leak[@]}")" "$red"
    lacks "$(on_a_terminal NO_COLOR=1 "${leak[@]}")" "$red"
    contains "$(on_a_terminal NO_COLOR= "${leak[@]}")" "$red"
    contains "$(on_a_terminal NO_COLOR=1 SOCKLEAK_OPTIONS=color=always "${leak[@]}")" "$red"
}

@test "without stacks the counts are told all the same, and that the end was read" {
    run with_agent max_frames=0 "$VICTIMS/each_kind" close_wait_read
    contains "$output" '^site unknown \(no stack was recorded\): opened 3, closed 2, stuck 1$'
    contains "$output" '^  told of the end \(recv returned 0\)$'
    with_agent max_frames=0:leak_check_at_exit=0 "$VICTIMS/each_kind" close_wait_read
    run "$SOCKLEAK" report
    contains "$output" '^site unknown \(no stack was recorded\): opened 3, closed 2, stuck 1$'
}
