#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a program did with its sockets between their opening and their end: where the stacks that opened them and saw EOF name an event loop, the
# report names the function that forgot. The fixed programs are silent.

load helpers

# left WAY [OPTIONS]: the leaking victim's log is in $TESTTMP/log; the fixed one must be silent
left()
{
    local options="log_format=json:log_path=$TESTTMP/log.%p:leak_check_at_exit=all:${2-}"
    rm -f "$TESTTMP"/log*
    run with_agent "$options" "$VICTIMS/life" "$1" fixed </dev/null
    [ "$status" -eq 0 ]
    run cat "$TESTTMP"/log.*
    [ "$status" -ne 0 ] || { printf 'of the fixed one:\n%s\n' "$output"; return 1; }
    run with_agent "$options" "$VICTIMS/life" "$1" </dev/null
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
}
# says EXPRESSION EXPECTED [FILE]: over l, the only leak, and h, its history; at(EVENT) is the functions of that event's first stack
says()
{
    local got
    got=$(json "${3-$TESTTMP/log}" "(lambda l, h: (lambda at: $1)(lambda e: [f['symbol'] for f in [x for x in h if x['event'] == e][0]['frames']]))(*[(l, l['history']) for l in leaks][0])")
    printf '%s: %s, expected %s\n' "$1" "$got" "$2"
    [ "$got" = "$2" ]
}
# in_text WAY: the text of the report at exit, in $output
in_text()
{
    run with_agent leak_check_at_exit=all "$VICTIMS/life" "$1" </dev/null
}
# alive WAY: runs until the test ends; $pid
alive()
{
    mkfifo "$TESTTMP/in"
    start_agent v "grace=0" bash -c "exec '$VICTIMS/life' $1 <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
}

@test "a worker whose handshake fails and that forgets the socket is named by the first receive" {
    left worker
    says "(l['count'], [e['event'] for e in h])" "(4, ['first_receive', 'first_send', 'last_receive', 'last_send'])"
    says "at('first_receive')[:4]" "['takes_bytes', 'handshake', 'serves', 'works']"
    says "[(e['count'], e['call'], e.get('other_thread')) for e in h][:2]" "[(4, 'recv', 4), (4, 'send', 4)]"
    in_text worker
    contains "$output" '^  first and last received in \(recv; 4 of 4; handed to another thread; last by thread [0-9]+, which has ended\)$'
    contains "$output" '^    #1 handshake +.*/life.c:[0-9]+$'
}

@test "EOF that another thread saw than opened the socket and used it is said to be so" {
    build_victim handed - -I"$TOP/tests/victims" <<'C'
#include <pthread.h>
#include "victim.h"
static int fd;
static void *sees_end(void *arg)
{
    char c;
    MUST(recv(fd, &c, 1, 0));
    return arg;
}
int main(void)
{
    char c;
    pthread_t t;
    int listener = listen_loopback(), peer = connect_loopback();
    fd = MUST(accept(listener, NULL, NULL));
    MUST(send(peer, "x", 1, 0));
    MUST(recv(fd, &c, 1, 0));
    MUST(close(peer));
    pthread_create(&t, NULL, sees_end, NULL);
    pthread_join(t, NULL);
    return 0;
}
C
    run with_agent leak_check_at_exit=all "$TESTTMP/handed"
    contains "$output" '^  saw EOF in \(recv returned 0; 1 of 1; handed to another thread\)$'
    run with_agent "leak_check_at_exit=all:log_format=json:log_path=$TESTTMP/log" "$TESTTMP/handed"
    says "[e.get('other_thread') for e in h if e['event'] == 'eof']" "[1]" "$(echo "$TESTTMP"/log.*)"
}

@test "what receives and sends by syscall(2) is named too" {
    left by_number
    says "[(e['call'], e['count']) for e in h][:2]" "[('read', 4), ('write', 4)]"
    says "at('first_send')[:3]" "['handshake', 'serves', 'works']"
}

@test "a loop that takes a socket off its epoll and drops it is named by the line that took it off" {
    left loop
    says "(l['opened'], l['closed'], l['count'])" "(8, 4, 4)"
    says "[(e['event'], e['call'], e['count']) for e in h if 'epoll' in e['event']]" "[('epoll_add', 'epoll_ctl', 4), ('epoll_del', 'epoll_ctl', 4)]"
    says "[e['inferred'] for e in h if e['event'] == 'first_receive']" "[True]" # it was walked for a socket that is closed
    says "(at('epoll_add')[:2], at('epoll_del')[:2])" "(['watches', 'loop'], ['drops', 'turns'])"
    in_text loop
    contains "$output" '^  taken off epoll by \(4 of 4\)$'
    contains "$output" '^    #0 drops '
    contains "$output" '^  first and last received in \(read; 4 of 4\): the stack that saw EOF$'
    [ "$(grep -c '#0 turns' <<<"$output")" -eq 1 ]
    contains "$output" '^  the 4 that were closed: closed by close$'
    contains "$output" '^    one of them, in the same stacks as the stuck: put on epoll, first and last received, saw EOF$'
    contains "$output" '^    and, unlike what is known of the stuck: taken off epoll by retires \(.*/life.c:[0-9]+\)$'
}

@test "shutdown that was taken for close is named" {
    left shutdown
    says "(l['kind'], at('shutdown')[:2], [e['call'] for e in h if e['event'] == 'shutdown'])" "('dead', ['disconnects', 'shutdowns'], ['shutdown'])"
    in_text shutdown
    contains "$output" '^  shut down by \(4 of 4\)$'
}

@test "who keeps copies of a socket is named by the dup, with the descriptors that are left" {
    left dup
    says "(l['count'], l['sockets'][0]['descriptors'], at('dup')[0], [e['call'] for e in h if e['event'] == 'dup'])" "(1, 50, 'hands_out', ['dup'])"
    in_text dup
    contains "$output" '^  copied by dup in \(1 of 1; 50 descriptors are left\)$'
}

@test "first and last receive of one function are two stacks, in the report at exit, of a live process and after SIGKILL" {
    left earlier
    says "(at('first_receive')[:2], at('last_receive')[:2])" "(['receives', 'greets'], ['receives', 'goes_on'])"
    says "[(e['count'], e['inferred']) for e in h]" "[(4, False), (4, False)]"
    alive earlier
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/live"
    says "(at('first_receive')[:2], at('last_receive')[:2])" "(['receives', 'greets'], ['receives', 'goes_on'])" "$TESTTMP/live"
    kill -KILL "$pid"
    wait_for 10 ended "$pid"
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/dead"
    says "(at('first_receive')[:2], at('last_receive')[:2], l['count'])" "(['receives', 'greets'], ['receives', 'goes_on'], 4)" "$TESTTMP/dead"
    run "$SOCKLEAK" report "$pid"
    contains "$output" '^  last received in \(recv; 4 of 4\)$'
    exec 7>&-
}

# user: what a report, in $TESTTMP/live, says of the thread that received last
user() { json "$TESTTMP/live" "(lambda l: (lambda e: (e.get('other_thread'), e['thread']['name'], e['thread']['now'], e['thread']['ended'], e['thread']['tid'] in [s['tid'] for s in l['sockets']], {s['receive_tid'] for s in l['sockets']} == {e['thread']['tid']}))([x for x in l['history'] if x['event'] == 'last_receive'][0]))(leaks[0])"; }

@test "the thread that used the sockets last is named with what it does now, while it is there; of a dead process its number is left" {
    local reader
    left users
    says "[(e['event'], e.get('other_thread'), e['thread']['name'] if 'thread' in e else None) for e in h if 'receive' in e['event']]" \
        "[('first_receive', None, None), ('last_receive', 4, 'reader')]"
    alive users
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/live"
    user
    [ "$(user)" = "(4, 'reader', 'read', False, False, True)" ]
    reader=$(json "$TESTTMP/live" "leaks[0]['sockets'][0]['receive_tid']")
    [ "$(cat "/proc/$pid/task/$reader/comm")" = reader ]
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" "^  first received in \\(recv; 4 of 4\\)\$"
    contains "$output" "^  last received in \\(recv; 4 of 4; by thread $reader \"reader\", now in read\\)\$"
    run "$SOCKLEAK" explain "$(json "$TESTTMP/live" "leaks[0]['site']")" "$pid"
    contains "$output" "^    opened 20[0-9T:.-]*Z by thread $pid, received from last by thread $reader"
    kill -KILL "$pid"
    wait_for 10 ended "$pid"
    run "$SOCKLEAK" report "$pid"
    contains "$output" "^  last received in \\(recv; 4 of 4; by thread $reader\\)\$"
    exec 7>&-
}

@test "where the number of a thread that used a socket last may be another's by now, the other is not named" {
    alive renumbered
    grep -q '^renumbered' "$TESTTMP/v.out" || skip "no thread can be given a number here"
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '^  last received in \(recv; 1 of 1; by thread [0-9]+\)$'
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/live"
    [ "$(user)" = "(1, None, None, None, False, True)" ]
    exec 7>&-
}

# variants [FILE]: of each leak how many it has, of how many, what its site has opened and closed, and who sent last
variants()
{
    json "${1-$TESTTMP/log}" "[(l['count'], l['site_count'], l['opened'], l['closed'], [e['frames'][0]['symbol'] for e in l['history'] if e['event'] == 'last_send']) for l in leaks]"
}

@test "sockets of one site that were left in two functions are two variants of it, everywhere by the same names" {
    local told="[(6, 8, 9, 1, ['answers']), (2, 8, 9, 1, ['refuses'])]" names format
    left variants
    [ "$(variants)" = "$told" ]
    names=$(json "$TESTTMP/log" "[(l['site'], l['variant']) for l in leaks]")
    [ "$(json "$TESTTMP/log" "(len({l['site'] for l in leaks}), len({l['variant'] for l in leaks}), [len(l['variant']) for l in leaks])")" = "(1, 2, [8, 8])" ]
    [ "$(grep '"summary"' "$TESTTMP/log" | python3 -c 'import json, sys; s = json.loads(sys.stdin.read()); print(s["leaks"], s["sites"])')" = "8 1" ]
    in_text variants
    contains "$output" '^site [0-9a-f]{16} variant [0-9a-f]{8}: opened 9, closed 1, stuck 6 of 8$'
    contains "$output" '^site [0-9a-f]{16} variant [0-9a-f]{8}: opened 9, closed 1, stuck 2 of 8$'
    contains "$output" '^  last sent in \(send; 5 of 6\)|^  first and last sent in \(send; 5 of 6\)'
    contains "$output" 'SUMMARY: sockleak: 8 sockets leaked at 1 site \(8 close_wait\); most: 8 at accepts_one '
    alive variants
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/live"
    [ "$(variants "$TESTTMP/live")" = "$told" ]
    kill -KILL "$pid"
    wait_for 10 ended "$pid"
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/dead"
    [ "$(variants "$TESTTMP/dead")" = "$told" ]
    [ "$(json "$TESTTMP/dead" "[(l['site'], l['variant']) for l in leaks]")" = "$names" ]
    "$SOCKLEAK" report --format junit "$pid" >"$TESTTMP/junit"
    [ "$(grep -o 'testcase name="[^"]*"' "$TESTTMP/junit" | sort -u | wc -l)" -eq 2 ]
    "$SOCKLEAK" report --format sarif "$pid" >"$TESTTMP/sarif"
    [ "$(grep -o '"sockleakSite/v1":"[^}]*' "$TESTTMP/sarif" | sort -u | wc -l)" -eq 2 ]
    [ "$("$SOCKLEAK" report --format folded "$pid" | awk '{ n += $NF } END { print n }')" -eq 8 ]
    [ "$("$SOCKLEAK" report --gen-suppressions "$pid" | grep -c '^close_wait:')" -eq 1 ]
    exec 7>&-
    run "$SOCKLEAK" run -- bash -c "'$VICTIMS/life' variants </dev/null & '$VICTIMS/life' variants </dev/null; wait" 3>&- 4>&-
    contains "$output" '^site [0-9a-f]{16} variant [0-9a-f]{8}: opened 18, closed 2, stuck 12 of 16$'
    contains "$output" '^site [0-9a-f]{16} variant [0-9a-f]{8}: opened 18, closed 2, stuck 4 of 16$'
    contains "$output" '^  the 2 that were closed: closed by close$'
    contains "$names" "$(sed -n 's/^site [0-9a-f]* variant \([0-9a-f]*\): .* 12 of 16$/\1/p' <<<"$output")"
}

@test "a number that is a file by now, or in no use, has no life" {
    run with_agent leak_check_at_exit=all "$VICTIMS/life" reused </dev/null
    [ "$output" = ready ]
    in_text plain
    [ "$output" = ready ]
}

@test "a forked child tells what its parent did with the socket, and goes on" {
    left forks
    says "(at('first_receive')[:2], at('last_receive')[:2])" "(['receives', 'greets'], ['receives', 'goes_on'])"
    says "[(e['event'], e['inferred']) for e in h]" "[('first_receive', True), ('last_receive', False)]"
}

@test "a program that goes on as another one tells what it did with the socket before" {
    left execs
    says "(at('first_receive')[:2], at('last_receive')[0], l['sockets'][0]['origin'])" "(['receives', 'greets'], 'receives', 'before_exec')"
}

@test "sockleak run tells the life of all its processes' sockets, and merges equal stacks" {
    run "$SOCKLEAK" run -- bash -c "'$VICTIMS/life' earlier </dev/null & '$VICTIMS/life' earlier </dev/null; wait"
    contains "$output" '^  first received in \(recv; 8 of 8\)$'
    contains "$output" '^  last received in \(recv; 8 of 8\)$'
    [ "$(grep -c '#1 goes_on' <<<"$output")" -eq 1 ]
}

@test "without stacks there is no life, and the counts are as before" {
    left earlier max_frames=0
    says "(l['count'], h)" "(4, [])"
}

@test "Python: the function that sent first is named, though the interpreter calls all of them at one place" {
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p" python3 "$TOP/tests/victims/life.py" fixed </dev/null
    [ "$status" -eq 0 ]
    run cat "$TESTTMP"/log.*
    lacks "$output" '"leak"'
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p" python3 "$TOP/tests/victims/life.py" </dev/null
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    says "(l['count'], [f['symbol'] for f in [e for e in h if e['event'] == 'first_send'][0]['frames'] if f['runtime'] == 'python'])" "(3, ['guilty', '<module>'])"
    says "[(e['event'], e['count'], e['inferred']) for e in h]" "[('first_send', 3, False)]"
}

@test "node: the first send names the handler of upgrades, where libuv alone has accepted and read" {
    command -v node >/dev/null || skip "no node"
    for way in fixed leaks; do
        rm -f "$TESTTMP/in" "$TESTTMP"/log*
        mkfifo "$TESTTMP/in"
        start_agent "$way" "log_format=json:log_path=$TESTTMP/log.%p:leak_check_at_exit=all" bash -c "exec node '$TOP/tests/victims/node_life.js' $way <'$TESTTMP/in'"
        exec 7>"$TESTTMP/in"
        wait_for 30 grep -q '^ready' "$TESTTMP/$way.out"
        exec 7>&-
        wait_for 20 ended "$pid"
        if [ "$way" = fixed ]; then
            run cat "$TESTTMP"/log.*
            lacks "$output" '"leak"'
        fi
    done
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    says "(l['count'], [f['symbol'] for f in [e for e in h if e['event'] == 'first_send'][0]['frames'] if not f.get('interpreter')][0])" "(3, 'upgradeForgets')"
    says "any('upgrade' in (f['symbol'] or '') for f in l['frames'] + l['eof_frames'])" "False"
}
