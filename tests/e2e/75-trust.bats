#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a report hides, where it is written and read, and what is left of it: each as narrow, as safe and as bounded as promised.

load helpers

state_dir() { echo "$XDG_RUNTIME_DIR/sockleak"; }

@test "a suppression that was generated for a leak in main hides that leak and no other" {
    with_agent log_path="$TESTTMP/log" "$VICTIMS/trust" two
    "$SOCKLEAK" report --gen-suppressions "$(state_dir)" >"$TESTTMP/rules"
    cat "$TESTTMP/rules"
    [ "$(grep -cE '^hangup:\^main \(trust\.c:[0-9]+\)\$$' "$TESTTMP/rules")" -eq 2 ]
    head -n 1 "$TESTTMP/rules" >"$TESTTMP/one"
    run "$SOCKLEAK" report --suppressions "$TESTTMP/one" "$(state_dir)"
    contains "$output" 'WARNING: sockleak: 1 socket '
    contains "$output" '1 socket suppressed'
    run with_agent suppressions="$TESTTMP/one" "$VICTIMS/trust" two
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
    contains "$output" '^ +1 +1  hangup:\^main \(trust\.c:[0-9]+\)\$$'
    run with_agent suppressions="$TESTTMP/rules" "$VICTIMS/trust" two
    lacks "$output" 'SUMMARY'
}
