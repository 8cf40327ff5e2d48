#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Closes: by which stacks the other sockets of a leaked one's site were closed.

load helpers

# left WAY [OPTIONS]: the victim runs to its end; its leaks are in $TESTTMP/log
left()
{
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p:${2-}" "$VICTIMS/closes" "$1"
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
}
# closers [FILE]: of the leaks: how many were closed, in which function and its caller, by which call; "about", "cousins"
closers()
{
    json "${1-$TESTTMP/log}" '" ".join(sorted("%d %s<%s %s%s%s" % (s["count"], s["frames"][0]["symbol"], s["frames"][1]["symbol"], s["call"], " about" * s["about"], " cousins" * s["cousins"]) for l in leaks for s in l["siblings_closed"]))'
}

@test "the stacks that closed the other sockets of a site are named, with their counts" {
    left siblings
    [ "$(closers)" = "2 conn_abort<siblings close 5 conn_free<siblings close" ]
    run with_agent "" "$VICTIMS/closes" siblings
    contains "$output" '^  the 7 that were closed: closed by close \(5 of 7\)$'
    contains "$output" '^  closed by close \(2 of 7\)$'
}

@test "a thousand closes by one stack are counted, most of them without a walk" {
    left many
    [ "$(closers)" = "1000 conn_free<many close" ]
}

@test "two stacks that only walks tell apart are both named, and the counts are said to be about right" {
    left alike
    contains "$(closers)" '^[0-9]+ conn_free<handler_[ab] close about [0-9]+ conn_free<handler_[ab] close about$'
    [ "$(json "$TESTTMP/log" 'sum(s["count"] for l in leaks for s in l["siblings_closed"])')" = 600 ]
    [ "$(json "$TESTTMP/log" 'leaks[0]["siblings_closed"][0]["frames"][1]["symbol"]')" = handler_b ]
}

@test "closes of one function in several threads are one stack" {
    left threads
    [ "$(closers)" = "10 conn_free<frees close" ]
}

@test "where no socket of the site was closed, those that were opened under the same calls stand for them" {
    left cousins
    [ "$(closers)" = "3 channel_close<cousins close cousins" ]
    run with_agent "" "$VICTIMS/closes" cousins
    contains "$output" '^  3 sockets of other sites, opened under the same calls, were closed: closed by close$'
}

@test "what the end of the program closes is no sibling" {
    left ending
    [ "$(json "$TESTTMP/log" '[l["count"] for l in leaks]')" = "[2]" ]
    [ "$(closers)" = "" ]
}

@test "fclose, dup2 and close_range over a socket are closes of it" {
    left ways
    [ "$(json "$TESTTMP/log" '[sorted((s["count"], s["call"], s["frames"][0]["symbol"]) for s in l["siblings_closed"]) for l in leaks]')" = "[[(1, 'close_range', 'ways'), (1, 'dup2', 'ways'), (1, 'fclose', 'ways')]]" ]
}

@test "the command names them too: of a live process, of one that was killed, and in one report of run" {
    mkfifo "$TESTTMP/in"
    start_agent v "" bash -c "exec '$VICTIMS/closes' siblings wait <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
    "$SOCKLEAK" report --format json --min-age 0 "$pid" >"$TESTTMP/live.json"
    [ "$(closers "$TESTTMP/live.json")" = "2 conn_abort<siblings close 5 conn_free<siblings close" ]
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/dead.json"
    [ "$(closers "$TESTTMP/dead.json")" = "2 conn_abort<siblings close 5 conn_free<siblings close" ]
    "$SOCKLEAK" report "$pid" >"$TESTTMP/dead.txt"
    contains "$TESTTMP/dead.txt" 'the 7 that were closed: closed by close \(5 of 7\)'
    run "$SOCKLEAK" run -- bash -c "'$VICTIMS/closes' siblings; '$VICTIMS/closes' siblings" 3>&- 4>&-
    contains "$output" 'the 14 that were closed: closed by close \(10 of 14\)'
    contains "$output" 'closed by close \(4 of 14\)'
}
