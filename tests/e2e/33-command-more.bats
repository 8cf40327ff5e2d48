#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $stderr and $status come from bats
# More of run and report: what the environment may say against it, and options that are given twice.

bats_require_minimum_version 1.5.0
load helpers

runs() { timeout 60 "$SOCKLEAK" run "$@" 3>&- 4>&-; }

@test "--gen-suppressions cuts a name that is too long for a line, and the line still matches" {
    local name
    name=f$(printf '_%.0s' {1..6000})
    build_victim long - <<C
#include <sys/socket.h>
#include <unistd.h>
__attribute__((noinline)) void $name(void)
{
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    close(pair[1]);
}
int main(void)
{
    $name();
    return 0;
}
C
    runs --output "$TESTTMP/keep" -- "$TESTTMP/long" 2>/dev/null
    "$SOCKLEAK" report --gen-suppressions "$TESTTMP/keep" >"$TESTTMP/rules"
    [ "$(wc -l <"$TESTTMP/rules")" -eq 1 ]
    grep -qE '^hangup:f_+\*$' "$TESTTMP/rules"
    run "$SOCKLEAK" report --suppressions "$TESTTMP/rules" "$TESTTMP/keep"
    contains "$output" '1 suppressed'
}
