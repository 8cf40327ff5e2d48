#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output and $status come from bats
# Explain: the life of one site's sockets, or of one; what is around it; and who holds its number.

load helpers

# held PROGRAM WAY: the program has done it and waits; its number in $pid
held()
{
    export SOCKLEAK_OPTIONS=state_dir=$TESTTMP/states # no other program's
    start_agent held "grace=1s:log_path=/dev/null:$SOCKLEAK_OPTIONS" "$1" "$2"
    wait_for 20 grep -q ready "$TESTTMP/held.out"
}
# of_kind KIND: the site that has such sockets
of_kind()
{
    "$SOCKLEAK" report --min-age 0 --kinds all --format json "$pid" >"$TESTTMP/report"
    site=$(json "$TESTTMP/report" "[l['site'] for l in leaks if l['kind'] == '$1'][0]")
}
# explained WORD...: in $output; and once more as JSON, in $TESTTMP/json
explained()
{
    run "$SOCKLEAK" explain "$@"
    echo "$output"
    [ "$status" -eq 0 ]
    "$SOCKLEAK" explain --json "$@" >"$TESTTMP/json"
}
# verdicts: of each group: who holds its numbers, as JSON tells it
verdicts()
{
    # shellcheck disable=SC2016
    json "$TESTTMP/json" '" ".join("%s=%s" % (l["kind"], l["held_by"]["verdict"]) for l in lines if l["type"] == "explain")'
}
# may_read_memory: skips where another process' memory may not be read
may_read_memory() { cat "/proc/$pid/syscall" >/dev/null 2>&1 || skip "no permission to read the memory of $pid"; }

@test "a life is told in order with times and threads, and objects of malloc hold the numbers" {
    held "$VICTIMS/explain" objects
    may_read_memory
    of_kind close_wait
    explained "$site"
    contains "$output" "^==$pid==sockleak: .*explain: site $site: opened 5, closed 0, open 5"
    contains "$output" "^  0  +opened by socket \\(thread $pid \"explain\""
    contains "$output" '^  \+[0-9.]+ (us|ms|s) to \+[0-9.]+ (us|ms|s)  saw EOF in \(recv returned 0; 5 of 5\)'
    contains "$output" '#0 fetch +tests/victims/explain.c:[0-9]+$'
    contains "$output" 'no byte has moved since then; CLOSE_WAIT now$'
    contains "$output" '^  held by an object with &tcp_operations, drop \(5 of 5\): at \+0x10 of a chunk of [0-9]+ bytes$'
    contains "$output" "^    opened 20[0-9T:.-]*Z by thread $pid, saw EOF \\+[0-9]"
    contains "$output" "^  received [0-9]+ bytes?, sent [0-9]+"
    lacks "$output" '#4 '
    [ "$(verdicts)" = "close_wait=held" ]
    [ "$(json "$TESTTMP/json" '[sorted(o["names"]) for o in lines[1]["held_by"]["objects"]], lines[1]["times"][0]["event"], lines[0]["site"] == lines[1]["site"]')" = "([['&tcp_operations', 'drop']], 'eof', True)" ]
    run "$SOCKLEAK" explain --full --no-memory "$site" "$pid"
    contains "$output" '#4 '
    lacks "$output" 'held|known'
}

@test "the first digits of a site are enough, and a descriptor is one of it" {
    held "$VICTIMS/explain" objects
    may_read_memory
    of_kind close_wait
    explained "${site:0:6}"
    contains "$output" "site $site: opened 5"
    explained fd:5 "$pid"
    contains "$output" "^==$pid==sockleak: .*: descriptor 5 of site $site: opened 5"
    contains "$output" '^1 socket, close_wait:$'
    contains "$output" '^  held by an object with &tcp_operations, drop \(5 of 5\)'
    [ "$(grep -c '^  fd ' <<<"$output")" -eq 1 ]
    contains "$output" '^  fd 5  '
}

@test "blocks of malloc without a pointer into the program are told by size and place" {
    held "$VICTIMS/explain" plain
    may_read_memory
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  held by an object each \(5 of 5\): at \+0x10 of a chunk of 112 bytes$'
}

@test "objects of another thread's heap are found" {
    held "$VICTIMS/explain" thread
    may_read_memory
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  0  +opened by socket \(thread [0-9]+, which has ended\)'
    contains "$output" '^  held by an object with &tcp_operations, drop \(5 of 5\): at \+0x10 of a chunk'
}

@test "objects of an allocator of its own are found, and so they are in a stripped program" {
    strip -o "$TESTTMP/stripped" "$VICTIMS/explain" || skip "no strip"
    held "$VICTIMS/explain" slabs
    may_read_memory
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  held beside (&tcp_operations|drop), (&tcp_operations|drop) \(5 of 5\); outside of glibc.s heap, where an object that was freed may keep the number$'
    [ "$(json "$TESTTMP/json" 'lines[1]["held_by"]["objects"][0]["chunk"]')" = None ]
    held "$TESTTMP/stripped" slabs
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  held beside \(stripped\+0x[0-9a-f]+\), \(stripped\+0x[0-9a-f]+\) \(5 of 5\); outside'
}

@test "numbers that nothing has any more are lost, also where an object that was freed still has them" {
    held "$VICTIMS/explain" lost
    may_read_memory
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  descriptors [0-9, ]+ are in no object: lost \([0-9]+ KiB of memory, read twice\)$'
    [ "$(verdicts)" = "close_wait=lost" ]
    local way
    for way in freed deleted; do
        held "$VICTIMS/explain" $way
        of_kind close_wait
        explained "$site" "$pid"
        contains "$output" '^  descriptors [0-9, ]+ are in no object: lost'
    done
}

@test "what holds the site's healthy sockets and not the stuck ones is told" {
    held "$VICTIMS/explain" some
    may_read_memory
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  held by an object with &tcp_operations, drop \(3 of 3; 0 of 2 others of the site\)'
    contains "$output" '^  the others of the site are held by an object with &tcp_operations, drop \(3 of 3\)'
    contains "$output" '^  descriptors [0-9]+, [0-9]+ are in no object: lost'
    [ "$(verdicts)" = "open=held close_wait=lost" ]
}

@test "nothing is called lost that a table, an epoll, a stack or a register may have" {
    local way
    for way in table heap epoll ended stacks; do
        held "$VICTIMS/explain" $way
        may_read_memory
        of_kind close_wait
        explained "$site" "$pid"
        lacks "$output" 'lost|held by|held beside'
    done
    contains "$output" '^  not known who holds the numbers: they stand on stacks'
    held "$VICTIMS/explain" table
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  not known who holds the numbers: one block or page of memory has most of them'
    held "$VICTIMS/explain" epoll
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  not known who holds the numbers: no object was found, and epoll watches them'
    held "$VICTIMS/explain" workers
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  descriptors [0-9, ]+ are in no object; a register of its [0-9]+ threads may have one'
}

@test "one socket alone is not enough to say who holds it" {
    held "$VICTIMS/explain" one
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" '^  not known who holds the number: it takes two sockets of a site'
    [ "$(verdicts)" = "close_wait=unknown" ]
}

@test "what the same thread opened while the sockets were served, and left open, is told with its stack" {
    held "$VICTIMS/explain" upstream
    of_kind close_wait
    explained --no-memory "$site" "$pid"
    contains "$output" '^  between their opening and end the same thread opened, and left open:$'
    contains "$output" '^  3 sockets by socket, site [0-9a-f]{16} \(during 3 of 3\)$'
    contains "$output" '#1 ask_upstream '
    [ "$(json "$TESTTMP/json" '[(m["sockets"], m["during"], m["of"]) for m in lines[1]["opened_meanwhile"]]')" = "[(3, 3, 3), (3, 3, 3)]" ]
}

@test "closed siblings are told beside the stuck ones; a site that has none left is told too" {
    held "$VICTIMS/explain" siblings
    of_kind close_wait
    explained "$site" "$pid"
    contains "$output" 'opened 7, closed 5, open 2'
    contains "$output" '^  the 5 that were closed: closed by close'
    contains "$output" '#0 hang_up '
    held "$VICTIMS/explain" later
    of_kind close_wait
    kill -USR1 "$pid"
    wait_for 20 grep -q closed "$TESTTMP/held.out"
    explained "$site" "$pid"
    contains "$output" "site $site: opened 3, closed 3, open 0"
    contains "$output" '^no socket of it is open:$'
    contains "$output" '^  the 3 that were closed: closed by close'
    [ "$(json "$TESTTMP/json" '[(l["type"], l["site"], l["live"]) for l in lines]')" = "[('explain', '$site', 0)]" ]
}

@test "of a process that has ended the life is told, and not who holds the number" {
    held "$VICTIMS/explain" objects
    of_kind close_wait
    kill -KILL "$pid"
    wait "$pid" || :
    explained "$site" "$pid"
    contains "$output" 'ended by a signal|killed|ended'
    contains "$output" 'saw EOF in \(recv returned 0; 5 of 5\)'
    contains "$output" '^  not known who holds the numbers: the process has ended$'
    run "$SOCKLEAK" explain "$site" "$TESTTMP/states/$pid".*.sockleak
    [ "$status" -eq 0 ]
    contains "$output" "site $site: opened 5"
}

@test "of several processes with the site the one with the most sockets is shown; a descriptor needs its process" {
    held "$VICTIMS/explain" siblings
    local first=$pid
    held "$VICTIMS/explain" siblings
    of_kind close_wait
    run "$SOCKLEAK" explain --no-memory "$site"
    [ "$status" -eq 0 ]
    contains "$output" "^==($first|$pid)==sockleak: 1 other process has this site too: ($first|$pid)$"
    run "$SOCKLEAK" explain fd:4
    [ "$status" -eq 1 ]
    contains "$output" "^sockleak explain: descriptor 4 is a socket in 2 processes \\(($first|$pid), ($first|$pid)\\): add the number of one$"
}

@test "a healthy socket is explained, and what is not there is said in one line" {
    held "$VICTIMS/explain" some
    run "$SOCKLEAK" explain --no-memory fd:3 "$pid" # listens
    [ "$status" -eq 0 ]
    contains "$output" '^1 socket, open:$'
    contains "$output" '#0 listen_loopback '
    local bad
    for bad in fd:4000 0000000000000001 0001; do
        run "$SOCKLEAK" explain "$bad" "$pid"
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
        contains "$output" 'sockleak report --kinds all'
    done
    run "$SOCKLEAK" explain fd:3 4194303
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "a bare number and other slips are refused with one line that says how it is written" {
    local bad
    for bad in 14 5f3 fd: fd:x 5f3a9c01d2e4b6789 main ""; do
        run "$SOCKLEAK" explain "$bad"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
    run "$SOCKLEAK" explain 14
    contains "$output" "^sockleak explain: '14' alone may be anything: descriptor 14 is written fd:14"
    run "$SOCKLEAK" explain
    [ "$status" -eq 2 ]
    run "$SOCKLEAK" explain 5f3a 1 2
    [ "$status" -eq 2 ]
}
