#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status, $lines and $pid come from bats and the helpers
# What the agent and the command say is true in the process in which they say it.

load helpers

# holding OPTIONS [N]: a process with N (3) hung up sockets; its number in $pid
holding()
{
    start_agent holding "log_path=$TESTTMP/log:$1" "$VICTIMS/trust" wait "${2:-3}"
    wait_for 20 grep -q ready "$TESTTMP/holding.out"
}

# it has looked, which a busy machine may not let it do in the time that report waits
has_looked() { "$SOCKLEAK" report "$pid" >"$TESTTMP/live" && ! grep -q 'did not answer in time' "$TESTTMP/live"; }
killed()
{
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
}

@test "report does not say that nothing is stuck of sockets that have been so for less than the grace" {
    holding grace=90s
    run "$SOCKLEAK" report "$pid"
    contains "$output" "^==$pid==sockleak: stuck: none for 90 s yet, 3 for less: --min-age 0 lists them \\(3 sockets open\\)\$"
    contains "$output" '^  the youngest: fd [0-9]+, hung up for [0-9]+ m?s, opened in$'
    contains "$output" '^    #0 leak_hangup +tests/victims/trust.c:[0-9]+$'
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '3 sockets hung up'
}

@test "nor of a dormant process, of whose sockets it knows nothing" {
    holding enabled=0
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'it is dormant and records nothing'
    contains "$output" "^==$pid==sockleak: it knows no socket yet; the kernel shows 3 hung up \\(of 3 sockets\\): \`sockleak attach $pid\` starts recording, \`sockleak scan $pid\` lists them by peer\$"
}

@test "nor of one that was killed before anybody looked" {
    holding interval=0
    killed
    run "$SOCKLEAK" report "$pid"
    [ "$status" -eq 0 ]
    contains "$output" 'it was never looked at'
    contains "$output" "^==$pid==sockleak: not known whether anything was stuck, nobody has looked \\(3 sockets open\\)\$"
}

@test "of one that was killed after a look it says what that look saw" {
    start_agent open "log_path=$TESTTMP/log" "$VICTIMS/trust" wait 0 open
    wait_for 20 grep -q ready "$TESTTMP/open.out"
    wait_for 20 has_looked
    killed
    run "$SOCKLEAK" report "$pid"
    contains "$output" "^==$pid==sockleak: nothing was stuck at the last look \\(5 sockets open\\)\$"
}

@test "report PID finds the state file of a process that is gone, also before its parent has waited for it" {
    holding grace=0s
    wait_for 20 has_looked
    killed
    run "$SOCKLEAK" report "$pid" # a zombie: this shell has not waited for it
    [ "$status" -eq 0 ]
    contains "$output" '3 sockets hung up'
    wait "$pid" || :
    run "$SOCKLEAK" report "$pid"
    [ "$status" -eq 0 ]
    contains "$output" 'ended without an exit'
    contains "$output" '3 sockets hung up'
}

@test "of several processes that had one number, it is the newest that report PID finds" {
    holding grace=0s
    killed
    wait "$pid" || :
    # another file of the same number, whose process began a day earlier, or later
    cat >"$TESTTMP/shift.py" <<'PY'
import glob, struct, sys, time
pid, name, exe, days = sys.argv[1:]
dir = sys.argv[0].rsplit("/", 1)[0] + "/run/sockleak/"
data = bytearray(open(max(glob.glob(dir + pid + ".*.sockleak"), key=len), "rb").read())
at = next(i for i in range(0, 4096, 8) if abs(struct.unpack_from("<Q", data, i)[0] - time.time_ns()) < 600 * 10**9)
struct.pack_into("<Q", data, at, struct.unpack_from("<Q", data, at)[0] + int(days) * 86400 * 10**9)
open(dir + pid + "." + name + ".sockleak", "wb").write(data[:4096].replace(b"/trust\0", b"/" + exe.encode() + b"\0") + data[4096:])
PY
    python3 "$TESTTMP/shift.py" "$pid" 1 older -1
    contains "$("$SOCKLEAK" report "$pid")" '/trust: ended'
    python3 "$TESTTMP/shift.py" "$pid" 2 newer 1
    contains "$("$SOCKLEAK" report "$pid")" '/newer: ended'
}

@test "after a detach it is not known whether EOF was seen: the program is not watched" {
    mkfifo "$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start_agent told "log_path=$TESTTMP/log" sh -c 'exec "$0" "$@" <"$TESTTMP/in"' "$VICTIMS/told" one_of_ten
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q ready "$TESTTMP/told.out"
    "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/before"
    "$SOCKLEAK" detach "$pid"
    "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/after"
    exec 7>&-
    contains "$TESTTMP/before" '9 never did'
    lacks "$TESTTMP/after" ', [0-9]+ never did|never saw EOF'
    contains "$TESTTMP/after" '1 of 10, 9 not known'
}

# family OPTIONS: a shell, its children and what they execute, all with the agent
# shellcheck disable=SC2016 # the inner shell's own
family() { run with_agent "$1" sh -c '/bin/true; sh -c "/bin/true; exec /bin/true"; exec "$0" two' "$VICTIMS/trust"; }

@test "what is wrong with a suppressions file is told once by a family of processes, and its good rules hold in each" {
    printf 'hangup:main\nleek:x\n' >"$TESTTMP/rules"
    family "suppressions=$TESTTMP/rules"
    [ "$(grep -c "line 2: unknown kind 'leek'" <<<"$output")" -eq 1 ]
    contains "$output" '^ +2 +2  hangup:main$'
    lacks "$output" SUMMARY
    family "suppressions=$TESTTMP/none"
    [ "$(grep -c 'none cannot be read .* its rules do not apply' <<<"$output")" -eq 1 ]
    contains "$output" SUMMARY
}

@test "the help is printed once by a family of processes, and so is a signal that cannot be caught" {
    family help=1
    [ "$(grep -c '^  grace ' <<<"$output")" -eq 1 ]
    family signal=33
    [ "$(grep -c 'signal=33: ' <<<"$output")" -eq 1 ]
}

@test "scan and report do not say that nothing is stuck of a process into which they may not look" {
    [ "$(id -u)" -eq 0 ] || skip "needs root, with and without a capability"
    start other "$VICTIMS/trust" wait 3
    wait_for 20 grep -q ready "$TESTTMP/other.out"
    local less=(setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace)
    "${less[@]}" test ! -r "/proc/$pid/fd/0" || skip "root may look into every process here"
    run "${less[@]}" "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 1 ]
    contains "$output" "^sockleak scan: the descriptors of process $pid may not be read, even by root: CAP_SYS_PTRACE is missing"
    run "${less[@]}" "$SOCKLEAK" scan
    contains "$output" '^not seen: the descriptors of [0-9]+ process(es)? that root may not look into here'
    run "${less[@]}" "$SOCKLEAK" report "$pid"
    [ "$status" -eq 1 ]
    contains "$output" 'even as root: CAP_SYS_PTRACE is missing'
}

@test "of a process without a table the kernel tells what is stuck, Unix connections too, and nothing is said of the others" {
    start_agent memory "state_dir=/no/such/place:log_path=$TESTTMP/log" "$VICTIMS/trust" wait 3 healthy
    wait_for 20 grep -q ready "$TESTTMP/memory.out"
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'it has no state file, so no stack is known'
    contains "$output" '3 sockets hung up'
    contains "$output" 'fd 3  unix  HANGUP .*unread 8'
    contains "$TESTTMP/log.$pid" 'no state file: the table stays in memory, and .sockleak report. sees the sockets of this process without stacks: '
    # one that nobody can judge: a listening vsock socket
    start_agent vsock "state_dir=/no/such/place:log_path=$TESTTMP/log" python3 -c 'import socket, sys
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
print("ready", flush=True)
sys.stdin = open("/dev/zero"); __import__("signal").pause()'
    wait_for 20 grep -qE 'ready|rror' "$TESTTMP"/vsock.{out,err}
    grep -q ready "$TESTTMP/vsock.out" || skip "no vsock"
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'sockleak: nothing is known to be stuck \(1 socket open\)$'
}

@test "a process without a watcher that was never looked at: the kernel tells of Unix connections too" {
    start_agent alone interval=0 "$VICTIMS/trust" wait 3
    wait_for 20 grep -q ready "$TESTTMP/alone.out"
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '3 sockets hung up'
    contains "$output" '#0 leak_hangup'
}
