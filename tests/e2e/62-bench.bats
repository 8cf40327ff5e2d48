#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the benchmarks announce they emit, and they leave nothing behind. No figure is judged here.

bats_require_minimum_version 1.5.0
load helpers

bench() { TMPDIR=$TESTTMP "$TOP/tests/bench/run" --only "$1" "$BUILD" 3>&- 4>&-; }

@test "the benchmarks emit the memory of a site, and leave no file behind" {
    cp "$BUILD/bench.json" "$TESTTMP/bench.json.before" 2>/dev/null || true
    run bench 'memory of a site'
    echo "$output"
    cp "$TESTTMP/bench.json.before" "$BUILD/bench.json" 2>/dev/null || rm -f "$BUILD/bench.json"
    [ "$status" -eq 0 ]
    contains "$output" '^memory of a site +[1-9][0-9]* .* B, growth of the state file'
    [ "$(ls -d "$TESTTMP"/slbench.* 2>/dev/null)" = '' ]
    # The agent would write to /dev/null.PID.
    lacks "$TOP/tests/bench/run" "log_path=/dev/null"
}

@test "a server that does not start costs its own row alone" {
    mkdir "$TESTTMP/bin"
    printf '#!/bin/sh\nexit 1\n' | tee "$TESTTMP/bin/nginx" >"$TESTTMP/bin/wrk"
    chmod +x "$TESTTMP/bin"/*
    cp "$BUILD/bench.json" "$TESTTMP/bench.json.before" 2>/dev/null || true
    PATH=$TESTTMP/bin:$PATH run bench 'nginx*'
    cp "$TESTTMP/bench.json.before" "$BUILD/bench.json" 2>/dev/null || rm -f "$BUILD/bench.json"
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" 'bench: nginx, a connection a request: does not start'
    contains "$output" 'bench: nginx, keep-alive: does not start'
}
