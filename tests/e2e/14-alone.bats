#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A program of one thread stays one where that matters (C10).

load helpers

@test "C10: unshare and close_range do what they do without the agent, and each close is heard by its peer" {
    "$VICTIMS/alone" >"$TESTTMP/bare"
    with_agent "" "$VICTIMS/alone" >"$TESTTMP/preloaded"
    diff "$TESTTMP/bare" "$TESTTMP/preloaded"
}

@test "C10: the watcher is back after such a call" {
    mkfifo "$TESTTMP/in"
    start_agent v "grace=500ms" bash -c "exec '$VICTIMS/never_reads' unshare <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q "1 socket stuck in CLOSE_WAIT" "$TESTTMP/v.err"
    exec 7>&-
}
