#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a report must not say, what must not be missed, and what must not hang, in corners that programs do reach.

load helpers

@test "a process that forks often does not grow" {
    run with_agent "" "$VICTIMS/more_forks" 500
    echo "$output"
    [[ $output =~ ^grew\ (-?[0-9]+)\ KiB$ ]]
    [ "${BASH_REMATCH[1]}" -le 400 ]
}
