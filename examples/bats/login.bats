#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# login.bats: a program's exit status is the assertion. LOGIN=leaking or fixed says which login() is tested; $PROGRAM is where it was built.

setup() {
    # Without the agent this test could not fail: it must say so, not pass.
    command -v "${SOCKLEAK:=sockleak}" || { echo 'sockleak is not installed, so leaked sockets cannot be seen' >&2; return 1; }
}

@test "a refused login leaks nothing" {
    run "$SOCKLEAK" run --exitcode 23 --kinds all -- "$PROGRAM"
    echo "$output" # shown when the test fails: the report
    [ "$status" -eq 0 ]
}
