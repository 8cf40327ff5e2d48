#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a program was told of its sockets: said of the sockets that it is true of, with the call that was made; and null where nobody can know.

load helpers

# left WAY [OPTIONS]: the victim runs to its end; its leaks are in $TESTTMP/log
left()
{
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p:${2-}" "$VICTIMS/told" "$1" </dev/null
    [ "$status" -ne 77 ] || skip "no io_uring here"
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
}
# says EXPRESSION EXPECTED: over l, the leak whose kind is close_wait, and h, what its history says of the end
says()
{
    local got
    got=$(json "$TESTTMP/log" "(lambda l, h: $1)(*[(l, [e for e in l['history'] if e['event'] in ('eof', 'error', 'connect_failed')]) for l in leaks if l['kind'] != 'open'][0])")
    printf '%s: %s, expected %s\n' "$1" "$got" "$2"
    [ "$got" = "$2" ]
}
# in_text WAY: the text of the report at exit, in $output
in_text()
{
    run with_agent "${2-}" "$VICTIMS/told" "$1" </dev/null
}
# victim OPTIONS WAY: runs until the test ends, its input is descriptor 7; $pid
victim()
{
    mkfifo "$TESTTMP/in"
    start_agent v "$1" bash -c "exec '$VICTIMS/told' $2 <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
}

@test "F9: of ten sockets one was read to its end, and the report says so of one" {
    left one_of_ten
    says "(l['count'], l['eof'], [(e['event'], e['call'], e['count'], e['errno'], e['inferred'], e['frames'][0]['symbol']) for e in h])" "(10, 'mixed', [('eof', 'read', 1, None, False, 'reads_it')])"
    says "sorted(s['eof'] for s in l['sockets'])" "['read', 'unread', 'unread', 'unread', 'unread', 'unread', 'unread', 'unread', 'unread', 'unread']"
    says "[s['eof'] for s in sorted(l['sockets'], key=lambda s: s['fd'])][6]" "read"
    says "l['eof_frames'][0]['symbol']" "reads_it"
    in_text one_of_ten
    contains "$output" '^  saw EOF in \(read returned 0; 1 of 10, 9 never did\)$'
    contains "$output" '^  opened by socket'
    contains "$output" '^  fd [0-9]+ .* unread 0  EOF not seen$'
}

@test "F9: each stack has the number of the sockets that it is true of, and its own call" {
    left two_calls
    # two functions: two variants of the site; the socket that never saw EOF is no third one
    [ "$(json "$TESTTMP/log" "[(l['count'], l['site_count'], [(e['call'], e['count'], e['frames'][0]['symbol']) for e in l['history'] if e['event'] == 'eof']) for l in leaks]")" = "[(5, 7, [('read', 4, 'reads_it')]), (2, 7, [('recv', 2, 'receives_it')])]" ]
    in_text two_calls
    contains "$output" '^  saw EOF in \(read returned 0; 4 of 5, 1 never did\)$'
    contains "$output" '^  saw EOF in \(recv returned 0; 2 of 2\)$'
}

@test "a function pointer calls read and recv in one line, and each is named" {
    left pointer
    says "sorted((e['call'], e['count'], e['frames'][0]['symbol']) for e in h)" "[('read', 4, 'pointer'), ('recv', 4, 'pointer')]"
}

@test "poll and ppoll that returned RDHUP with nothing left to read are EOF seen" {
    left poll
    says "(l['eof'], h[0]['event'], h[0]['call'], h[0]['frames'][0]['symbol'])" "('read', 'eof', 'poll', 'polls_it')"
    rm "$TESTTMP"/log*
    left ppoll
    says "(l['eof'], h[0]['call'], h[0]['frames'][0]['symbol'])" "('read', 'ppoll', 'ppolls_it')"
}

@test "poll that returned RDHUP while bytes wait before the FIN has not shown it" {
    left poll_data
    says "(l['eof'], h, l['sockets'][0]['unread'])" "('unread', [], 5)"
}

@test "epoll that returned RDHUP is EOF seen, of the socket that was registered with that data" {
    left epoll_fd
    says "(l['eof'], h[0]['call'], h[0]['frames'][0]['symbol'])" "('read', 'epoll_wait', 'waits_for_it')"
    rm "$TESTTMP"/log*
    left epoll_ptr
    says "(l['count'], l['eof'], h[0]['call'], h[0]['count'])" "(3, 'read', 'epoll_wait', 3)"
}

@test "the data of an epoll event is no descriptor: a number that is another socket's says nothing of that one" {
    left epoll_index
    says "[s['eof'] for s in sorted(l['sockets'], key=lambda s: s['fd'])]" "['unread', 'read']"
}

@test "two sockets that were registered with the same data: which of them was meant is not guessed" {
    left epoll_shared
    says "(l['eof'], h, [s['eof'] for s in l['sockets']])" "(None, [], [None, None])"
    in_text epoll_shared
    contains "$output" '^  not known whether EOF was seen \(2 of 2\)$'
}

@test "EOF that came by a second descriptor of the socket is the socket's" {
    left dup
    says "(l['count'], l['eof'], h[0]['frames'][0]['symbol'])" "(1, 'read', 'reads_it')"
}

@test "what a stream, an io_uring or a forked child may have read is not said to be unread" {
    local way
    for way in stream uring forked; do
        rm -f "$TESTTMP"/log*
        left "$way"
        says "(l['kind'], l['eof'], h)" "('close_wait', None, [])"
    done
    rm -f "$TESTTMP"/log*
    left writer # a stream that is only written to reads nothing
    says "(l['kind'], l['eof'])" "('close_wait', 'unread')"
}

@test "what the program reads by a system call of its own is not said to be unread" {
    local way
    for way in own_call own_call_data; do
        rm -f "$TESTTMP"/log*
        left "$way"
        says "(l['kind'], l['eof'], h)" "('close_wait', None, [])"
        in_text "$way"
        contains "$output" '^  not known whether EOF was seen'
        lacks "$output" '[0-9] never did|EOF not seen|saw EOF'
    done
    rm -f "$TESTTMP"/log*
    left own_call_too # one shows that there are such calls: of the others nothing is known either
    [ "$(json "$TESTTMP/log" "[s['eof'] for l in leaks for s in l['sockets']]")" = "[None, None, None]" ]
    for way in data_with_end data_then_end; do # every call was seen, and none returned 0
        rm -f "$TESTTMP"/log*
        left "$way"
        says "(l['kind'], l['eof'])" "('close_wait', 'unread')"
    done
}

@test "a receive of 0 after the reset was told is not taken for EOF's stack: the error's stays" {
    left reset
    says "(l['kind'], l['how'], [(e['event'], e['call'], e['errno'], e['frames'][0]['symbol']) for e in h if e['frames']])" "('dead', 'reset', [('error', 'recv', 'ECONNRESET', 'reset')])"
}

@test "F9, F10: after an attach, what was read before is not known, and what is read since is counted" {
    mkfifo "$TESTTMP/in"
    start v bash -c "exec '$VICTIMS/told' before <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^open' "$TESTTMP/v.out"
    # shellcheck disable=SC2154 # by start
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    echo >&7
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/log"
    exec 7>&-
    [ "$(json "$TESTTMP/log" "[(l['count'], l['eof'], [(e['call'], e['count']) for e in l['history']]) for l in leaks if l['sockets'][0]['origin'] == 'socket' and l['kind'] == 'close_wait']")" = "[(10, 'mixed', [('read', 1)])]" ]
    [ "$(json "$TESTTMP/log" "[(l['kind'], l['eof'], l['history'], [s['eof'] for s in l['sockets']]) for l in leaks if l['sockets'][0]['origin'] == 'before_attach' and l['kind'] == 'close_wait']")" = "[('close_wait', None, [], [None, None])]" ]
}

@test "a live report names the thread that opened a site's sockets and the call that it is in, or that it has ended" {
    victim grace=1h opened_in_thread
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '^  opened by socket \(thread [0-9]+ "worker-3", now in epoll_wait\)$'
    exec 7>&-
    wait_for 20 ended "$pid"
    rm "$TESTTMP/in"
    victim grace=1h thread_ended
    run "$SOCKLEAK" report --min-age 0 "$pid"
    exec 7>&-
    contains "$output" '^  opened by socket \(thread [0-9]+, which has ended\)$'
}

@test "a killed process: what it was told is counted as well, and what its last look could not know is not known" {
    victim grace=1h one_of_ten
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    "$SOCKLEAK" report --format json "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/log"
    says "(l['kind'], [(e['call'], e['count']) for e in h])" "('close_wait', [('read', 1)])"
}

@test "a report at 80 columns: files and lines stand without module and offset, and no line of a stack is longer than its own names make it" {
    in_text one_of_ten
    lacks "$output" 'told\.c:[0-9]+ .*\(told\+0x'
    awk '/^    #/ && length > 80 { print; bad = 1 } END { exit bad }' <<<"$output"
}
