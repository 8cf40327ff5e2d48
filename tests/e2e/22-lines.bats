#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Files and lines in a plain preload's exit report, from the command beside the library.

load helpers

@test "an exit report carries file and line when the command is beside the library" {
    run with_agent "" "$VICTIMS/each_kind" close_wait_read
    echo "$output"
    [[ $output =~ each_kind\.c:[0-9]+ ]]
    run with_agent "log_format=json" "$VICTIMS/each_kind" close_wait_read
    [[ $output =~ \"file\":\"[^\"]*each_kind\.c\",\"line\":[0-9]+ ]]
}

@test "a relative path of the library and another working directory find the command too" {
    cd "$BUILD"
    run env LD_PRELOAD=./libsockleak.so "$VICTIMS/each_kind" hangup
    echo "$output"
    [[ $output =~ each_kind\.c:[0-9]+ ]]
}

@test "the report comes without lines when the command is not there, or fails" {
    mkdir "$TESTTMP/lib"
    cp "$AGENT" "$TESTTMP/lib/"
    run env LD_PRELOAD="$TESTTMP/lib/libsockleak.so" "$VICTIMS/each_kind" hangup
    [[ $output == *"#0 main"* ]]
    [[ $output != *"each_kind.c:"* ]]
    printf '#!/bin/sh\nexit 3\n' >"$TESTTMP/lib/sockleak"
    chmod +x "$TESTTMP/lib/sockleak"
    run env LD_PRELOAD="$TESTTMP/lib/libsockleak.so" "$VICTIMS/each_kind" hangup
    [[ $output == *"#0 main"* ]]
    [ "$status" = 0 ]
}

@test "a helper that hangs delays the end for a few seconds at most" {
    mkdir "$TESTTMP/lib"
    cp "$AGENT" "$TESTTMP/lib/"
    printf '#!/bin/sh\nexec sleep 600\n' >"$TESTTMP/lib/sockleak"
    chmod +x "$TESTTMP/lib/sockleak"
    run timeout 30 env LD_PRELOAD="$TESTTMP/lib/libsockleak.so" "$VICTIMS/each_kind" hangup
    [ "$status" = 0 ]
    [[ $output == *"#0 main"* ]]
    ! pgrep -f "^sleep 600$"
}

@test "the program sees no child, no SIGCHLD and no descriptor of the helper" {
    run with_agent "" "$VICTIMS/sees_children"
    echo "$output"
    [[ $output =~ sees_children\.c:[0-9]+ ]]
    [[ $output != *SIGCHLD* ]]
    [[ $output != *child$'\n'* ]]
}
