#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# A table: each case in which version 0.1 said nothing, too much or what was not so. What it said then is noted here; what is said now, and what
# ss(8) has where it knows, is taken from the run that the row describes. The cases' own tests are in the other files.

load helpers
load family

# row CASE WHAT BEFORE [SS]: of the table; what is said now is in the lines of $now
row()
{
    {
        printf '# %-4s %s\n#      before  %s\n' "$1" "$2" "$3"
        sed '1s/^/#      now     /; 2,$s/^/#              /' <<<"$now"
        [ -z "${4-}" ] || printf '#      ss      %s\n' "$4"
    } >&3
}

# said REGEX...: into $now, of each the first line of $output that matches, without pid and indentation; fails when there is none
said()
{
    local regex line
    now=
    for regex in "$@"; do
        line=$(grep -m 1 -E -- "$regex" <<<"$output") || { printf 'not said: %s\nin:\n%s\n' "$regex" "$output"; return 1; }
        now+=${now:+$'\n'}$(sed -E "s#==[0-9]+==##; s#^ +##; s#$TESTTMP/##g; s#$VICTIMS/##g" <<<"$line")
    done
}
silent() { [ -z "$output" ] && now=${1:-nothing}; }

# what ss has of PID, or of all: `2 CLOSE-WAIT`
by_ss()
{
    local family=-t
    [ "$1" != unix ] || { family=-x && shift; }
    ss -Hanp $family 2>/dev/null | grep "pid=$1," | awk -v unix="$family" '{n[unix == "-x" ? ($8 == 0 ? "whose peer is 0" : $2) : $1]++} END {for (s in n) printf "%s%d %s", c++ ? ", " : "", n[s], s}'
}
# the states of interest
stuck_by_ss() { ss -Htnp state "$2" | grep -c "pid=$1," | sed "s/\$/ ${2^^}/"; }

# holder WORD OPTIONS [N]: the victim family under the agent until N (1) of its processes sleep and the peer has closed; $at
holder()
{
    start_agent v "grace=500ms:interval=250ms:log_path=$TESTTMP/log:$2" "$VICTIMS/family" "$1" "$port" "${@:4}"
    asleep "${3:-1}"
    peer_closes
}
has() { "$SOCKLEAK" report --min-age 0 "$1" >"$TESTTMP/report" 2>&1 && grep -qE "$2" "$TESTTMP/report"; }
# told PID REGEX [OPTION...]: once its report has that; into $output
told()
{
    wait_for 20 has "$1" "$2" || { cat "$TESTTMP/report"; return 1; }
    output=$(cat "$TESTTMP/report")
}
# adopted: the same of the three of $at, once its own table has them
adopted() { has "${at[0]}" '3 sockets stuck in CLOSE_WAIT' && by_agent "$TESTTMP/report" && output=$(cat "$TESTTMP/report"); }
# victim OPTIONS COMMAND...: under the agent until `finish`, with the input that `word` writes; it has said "ready"
victim()
{
    local options=$1
    shift
    mkfifo "$TESTTMP/in"
    start v env ${options:+LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$options"} bash -c 'exec "${@:2}" <"$1"' _ "$TESTTMP/in" "$@"
    exec 7>"$TESTTMP/in"
    wait_for 30 grep -qE '^(ready|closed|open)' "$TESTTMP/v.out"
}
finish()
{
    exec 7>&-
    wait_for 20 ended "$pid"
    output=$(cat "$TESTTMP/v.err")
}

@test "F1: the last holder of a connection reports it" {
    holder daemon ""
    wait_for 20 adopted || { cat "$TESTTMP/report"; return 1; }
    said '3 sockets stuck in CLOSE_WAIT' '#0 open_one' 'which ended'
    row F1 "a daemon holds what its parent opened, and never calls again" '"it opened no socket yet"; with run "nothing is stuck (3 sockets open)"' "$(stuck_by_ss "${at[0]}" close-wait)"
}

@test "F2: a plug-in with RTLD_DEEPBIND" {
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-inline -shared -fPIC -DSTARTS_QUIETLY -o "$TESTTMP/p.so" "$TOP/tests/victims/preload/plugin.c"
    holder plugin "" 1 "$TESTTMP/p.so"
    wait_for 20 adopted || { cat "$TESTTMP/report"; return 1; }
    said '3 sockets stuck in CLOSE_WAIT' '#0 plugin_opens'
    row F2 "a plug-in that is loaded with RTLD_DEEPBIND" "nothing: no call of it was recorded" "$(stuck_by_ss "${at[0]}" close-wait)"
}

@test "F3: calls that no wrapper sees" {
    local ss
    holder raw ""
    ss=$(stuck_by_ss "${at[0]}" close-wait)
    kill -TERM "${at[0]}"
    wait_for 20 ended "${at[0]}"
    output=$(cat "$TESTTMP"/log.*)
    said '3 sockets stuck in CLOSE_WAIT' 'not known whether EOF was seen' 'unseen$'
    row F3 "system calls by the program's own instruction, at its exit" "nothing, and status 0" "$ss"
    printf '%s\n' '.section .note.go.buildid, "a", @note' '.p2align 2' '.long 4, 4, 4' '.asciz "Go\0"' '.ascii "abcd"' '.section .note.GNU-stack, "", @progbits' >"$TESTTMP/note.s"
    echo 'int main(void) { return 0; }' >"$TESTTMP/m.c"
    "${CC:-gcc}" -o "$TESTTMP/cgo" "$TESTTMP/m.c" "$TESTTMP/note.s"
    run "$SOCKLEAK" run --no-trace -- "$TESTTMP/cgo"
    [ "$status" = 1 ]
    said 'is a Go program'
    row F3 "run of a Go program that is linked with libc" "nothing, and status 0"
}

@test "F4: what io_uring opens before the first look" {
    "$VICTIMS/hard_uring" accept </dev/null >/dev/null || [ $? != 77 ] || skip "no io_uring here"
    victim "grace=500ms:interval=250ms:log_path=$TESTTMP/log" "$VICTIMS/hard_uring" accept
    told "$pid" 'stuck in CLOSE_WAIT'
    said '1 socket stuck in CLOSE_WAIT' 'unseen$'
    row F4 "io_uring accepted it before the first look" "nothing: taken for inherited" "$(stuck_by_ss "$pid" close-wait)"
    finish
}

@test "F9: one of ten was read to its end" {
    victim "log_path=$TESTTMP/log" "$VICTIMS/told" one_of_ten
    told "$pid" 'stuck in CLOSE_WAIT'
    said '10 sockets stuck in CLOSE_WAIT' 'saw EOF in'
    contains "$now" '1 of 10, 9 never did'
    row F9 "one of ten sockets of a site was read to its end" '"told of the end in read" of all ten' "$(stuck_by_ss "$pid" close-wait)"
    finish
}

@test "F10: what was read before the attach" {
    victim "" "$VICTIMS/told" before
    "$SOCKLEAK" attach "$pid" >/dev/null
    told "$pid" 'stuck in CLOSE_WAIT'
    said '2 sockets stuck in CLOSE_WAIT' 'EOF'
    contains "$now" 'not known whether EOF was seen \(2 of 2\)'
    row F10 "of two one was read to its end before the attach" '"not told of the end"' "$(stuck_by_ss "$pid" close-wait)"
    finish
}

@test "F11: the JVM's marker" {
    "${CC:-gcc}" -shared -fPIC -o "$TESTTMP/libnio.so" -x c - <<<'int nio;'
    mkfifo "$TESTTMP/in"
    start v env LD_PRELOAD="$TESTTMP/libnio.so" bash -c "exec '$VICTIMS/trends' marker <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 30 grep -q '^ready' "$TESTTMP/v.out"
    output=$("$SOCKLEAK" scan "$pid" 2>&1)
    lacks "$output" 'HANGUP +1|hung up'
    said 'CLOSE_WAIT|nothing|no socket'
    local scan=$now
    "$SOCKLEAK" attach --grace 300ms "$pid" >/dev/null
    settled() { "$SOCKLEAK" report --kinds all --min-age 0 "$pid" >"$TESTTMP/report" 2>&1 && grep -q open "$TESTTMP/report"; }
    wait_for 20 settled
    output=$("$SOCKLEAK" report --min-age 0 "$pid" 2>&1)
    said 'nothing'
    now="scan: $scan"$'\n'"report: $now"
    row F11 "half of a socketpair that a JVM keeps as a marker" "hangup, after an attach and in scan" "$(by_ss unix "$pid")"
    finish
}

@test "F12: a reserve socket" {
    victim "exitcode=9" "$VICTIMS/trends" reserve
    output=$("$SOCKLEAK" report --min-age 0 "$pid" 2>&1)
    said 'nothing'
    local live=$now
    finish
    silent
    now="report: $live"$'\n'"at exit: $now"
    row F12 "a single socket that is kept for the day without descriptors" "never_connected"
}

@test "F13: a program that an upgrade has replaced" {
    build_victim app "$TOP/tests/victims/names_leak.c"
    build_victim next "$TOP/tests/victims/names_leak.c" -DOPENER=of_the_next_version
    start app "$TESTTMP/app" "$TESTTMP/go"
    wait_for 20 grep -q ready "$TESTTMP/app.out"
    mv "$TESTTMP/next" "$TESTTMP/app"
    "$SOCKLEAK" attach --grace 100ms "$pid" >/dev/null
    touch "$TESTTMP/go"
    told "$pid" 'stuck in CLOSE_WAIT'
    said '1 socket stuck in CLOSE_WAIT' '#0 ' '#1 '
    contains "$now" 'open_and_keep'
    row F13 "the program's file was replaced by an upgrade, then attach" 'names lost: "m2 (deleted)" in one place, "m2" in another' "$(stuck_by_ss "$pid" close-wait)"
}

@test "F14: no memory for a check" {
    cat >"$TESTTMP/n.c" <<'END'
#define SOCKLEAK_FAIL(message) fputs(message, stdout)
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sockleak.h>
int main(void)
{
    struct rlimit none = {4096, 4096};
    setvbuf(stdout, NULL, _IONBF, 0);
    sockleak_mark_t start = sockleak_mark();
    for (int i = 0; i < 3; i++)
        socket(AF_INET, SOCK_DGRAM, 0);
    setrlimit(RLIMIT_AS, &none);
    int n = sockleak_check(start, SOCKLEAK_ALL | SOCKLEAK_QUIET, 0);
    printf("sockleak_check: %d %s\n", n, strerrorname_np(errno));
    SOCKLEAK_ASSERT_NONE(start);
    return 0;
}
END
    build_victim n "$TESTTMP/n.c"
    run with_agent leak_check_at_exit=0 "$TESTTMP/n"
    said '^sockleak_check: -1 ENOMEM' 'could not look'
    row F14 "a check of three open sockets without memory (RLIMIT_AS)" "sockleak_check: 0, and the assertion passed"
}

@test "F15: a generated suppression" {
    with_agent "log_path=$TESTTMP/log" "$VICTIMS/trust" two
    "$SOCKLEAK" report --gen-suppressions "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/rules"
    output=$(cat "$TESTTMP/rules")
    said '^hangup:'
    local rule=$now
    grep -m 1 '^hangup:' "$TESTTMP/rules" >"$TESTTMP/one"
    output=$("$SOCKLEAK" report --suppressions "$TESTTMP/one" "$XDG_RUNTIME_DIR/sockleak" 2>&1)
    said '1 socket suppressed' 'WARNING'
    now=$rule$'\n'$now
    row F15 "a suppression made for one of two leaks in main" "hangup:main, which hid both"
}

@test "F16: AddressSanitizer under run" {
    cat >"$TESTTMP/a.c" <<'END'
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || close(pair[1]);
}
END
    build_victim asan "$TESTTMP/a.c" -fsanitize=address && "$TESTTMP/asan" >/dev/null 2>&1 || skip "no AddressSanitizer here"
    run "$SOCKLEAK" run -- "$TESTTMP/asan"
    [ "$status" = 0 ]
    said 'WARNING' 'SUMMARY'
    row F16 "run of a program with GCC's AddressSanitizer" '"ASan runtime does not come first in initial library list", and no run'
}

@test "F17: a link in a state directory" {
    with_agent "log_path=$TESTTMP/log" "$VICTIMS/trust" two
    mv "$XDG_RUNTIME_DIR"/sockleak/*.sockleak "$TESTTMP/mine"
    ln -s "$TESTTMP/mine" "$XDG_RUNTIME_DIR/sockleak/1999999998.5.sockleak"
    run "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak"
    [ "$status" = 1 ]
    said 'symbolic link'
    row F17 "a link in the state directory" "opened for writing, whatever it leads to"
}

@test "F18: a report at abort" {
    local i aborted=0 reported=0
    cat >"$TESTTMP/a.c" <<'END'
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
__attribute__((noinline)) static void poison(void)
{
    char a[200000];
    memset(a, 0x7f, sizeof a);
    __asm__ volatile("" ::"r"(a) : "memory");
}
int main(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || close(pair[1]))
        return 1;
    poison();
    abort();
}
END
    build_victim aborts "$TESTTMP/a.c"
    for ((i = 0; i < 20; i++)); do
        run with_agent "" "$TESTTMP/aborts"
        aborted=$((aborted + (status == 134)))
        reported=$((reported + $(grep -c SUMMARY <<<"$output")))
    done
    now="$aborted of 20 aborts end by SIGABRT, $reported with their report"
    [ "$aborted $reported" = "20 20" ]
    row F18 "a report at abort, where no name has to be demangled" "12 of 60 aborts crashed: 2 MiB were unmapped wherever the stack said"
}

@test "F19: a thread inside an allocator" {
    victim "" "$VICTIMS/own_allocator"
    run "$SOCKLEAK" attach "$pid"
    [ "$status" = 1 ]
    said 'could be interrupted safely'
    row F19 "attach while the only thread is in a function that free jumps to" "attached: the thread was taken for safe"
    finish
}

@test "F20: a fortified call" {
    build_victim fortified "$TOP/tests/victims/names_leak.c" -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    run "$SOCKLEAK" run -- "$TESTTMP/fortified"
    lacks "$output" 'socket2\.h'
    output=$(sed -n '/saw EOF/,$p' <<<"$output")
    said 'saw EOF in' '#0 '
    row F20 "recv in a program with _FORTIFY_SOURCE" "#0 recv  /usr/include/x86_64-linux-gnu/bits/socket2.h"
}

@test "F23: a close_range that is refused" {
    run "$VICTIMS/close_range_refused" 1 env LD_PRELOAD="$AGENT" "$VICTIMS/wrap_closes" kept_refused_range
    said 'WARNING' 'opened 2, closed 0'
    row F23 "close_range fails with EPERM, and two sockets in CLOSE_WAIT stay" "nothing: the sockets were in no report any more"
}

@test "F24: a connect that hangs" {
    local ss
    victim "verbosity=0" "$VICTIMS/trends" hanging
    ss=$(stuck_by_ss "$pid" syn-sent)
    finish
    said 'still connecting' 'SYN_SENT'
    row F24 "a connect that has had no answer, at exit" "nothing, for 127 s" "$ss"
}

@test "F25: copies by dup" {
    victim "grace=300ms:interval=2s:log_path=/dev/null" "$VICTIMS/trends" copies 28
    told "$pid" 'descriptor limit [0-9]+ in'
    said 'stuck [0-9]+ \([0-9]+ descriptors\)'
    row F25 "each connection is held by 20 copies, 40 descriptors more a second" "the sockets were counted: 163 s where 8 s were left" "$(find "/proc/$pid/fd" -type l | wc -l) descriptors in /proc"
    kill -KILL "$pid"
}

@test "F26: connections that were kept over the own exec" {
    holder exec-self ""
    wait_for 20 adopted || { cat "$TESTTMP/report"; return 1; }
    said '3 sockets stuck in CLOSE_WAIT' '#0 open_one' 'before.exec'
    row F26 "a process keeps three connections over its own exec" '"it opened no socket yet"' "$(stuck_by_ss "${at[0]}" close-wait)"
}

@test "F28: what ended a moment before a graceful exit" {
    start_agent v "" "$VICTIMS/trust" late 11
    wait_for 40 ended "$pid"
    output=$(cat "$TESTTMP/v.err")
    said 'SUMMARY' 'within the last second'
    row F28 "one leak for 11 s, and three sockets that end with the program" "4 sockets leaked, three of them aged 0 s"
}

@test "F29, F31: a wave, a byte read, and closed" {
    victim "grace=1s:interval=500ms" "$VICTIMS/trust" close 64
    wait_for 20 grep -q WARNING "$TESTTMP/v.err"
    echo read >&7
    wait_for 20 grep -q 'done' "$TESTTMP/v.out"
    sleep 1
    echo close >&7
    wait_for 20 grep -q released "$TESTTMP/v.err"
    finish
    said 'released'
    contains "$now" '64 of site .* after up to ([1-9]|[0-9]{2,}) s'
    row F29 "64 are reported after 1 s, a byte is read of each, then closed" 'a line each: "released after 0 s"'
    now="$(grep -c WARNING <<<"$output") report: $(said WARNING && echo "$now")"
    contains "$now" '^1 report: .* 64 sockets'
    row F31 "one wave of 64 closes" '"8 sockets", then "64 sockets" 250 ms later'
}

@test "F30: a port that is bound on purpose" {
    local ss
    victim "verbosity=0" "$VICTIMS/trends" bound
    ss=$(ss -Htanp | grep "pid=$pid," | awk '{print $1, $4}')
    finish
    said 'bound to an address' 'bound to 127'
    row F30 "a port that is bound, and neither connected nor listening" '"connect failed or was not called"' "${ss:-nothing: it shows no socket that is only bound}"
}

@test "F32: the end by SIGTERM, without a handler" {
    start v "$SOCKLEAK" run -- "$VICTIMS/trust" wait 2
    wait_for 20 grep -q ready "$TESTTMP/v.out"
    wait_for 20 has "$(pgrep -P "$pid" -x trust)" 'hung up' # before the first check only what is open is told
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    output=$(cat "$TESTTMP/v.err")
    [ "$code" = 143 ]
    said 'WARNING' 'SUMMARY'
    row F32 "run gets SIGTERM in its first second" "nothing, and status 143"
    start_agent w "grace=500ms:interval=250ms:log_path=$TESTTMP/log" "$VICTIMS/trust" wait 2
    wait_for 20 grep -q ready "$TESTTMP/w.out"
    wait_for 20 has "$pid" 'hung up'
    kill -TERM "$pid"
    wait_for 20 ended "$pid"
    output=$("$SOCKLEAK" report "$pid" 2>&1)
    said 'ended' 'WARNING'
    row F32 "report of the pid of a program that SIGTERM has ended" '"no such process"'
}

@test "H3: holes between the segments" {
    build_victim holed "$TOP/tests/victims/names_leak.c" -no-pie -fno-pie -Wl,-z,max-page-size=0x200000 -Wl,-z,separate-code
    run with_agent "" "$TESTTMP/holed"
    said '#0 ' '#1 '
    contains "$now" 'open_and_keep'
    lacks "$output" '\?\?'
    row H3 "a program with holes between its PT_LOADs" "?? in every frame, each stack by libunwind, 2.8 times slower"
}
