#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers, $at from family
# In the containers' way: under the filter that Docker puts on a container by default, which refuses what a descriptor table of the watcher's own needs.

load helpers
load family

as_container() { "$TOP/tests/containers/in_profile" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$1" "${@:2}" 3>&- 4>&-; }
needs_filter() { "$TOP/tests/containers/in_profile" true 3>&- || skip "no filter can be put on here"; }
whole() { cat "$TESTTMP"/log.*; }

@test "the profile refuses what Docker's does, with its errors, and lets the rest through" {
    needs_filter
    cat >"$TESTTMP/ask.py" <<'END'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
x86 = os.uname().machine == "x86_64"
def ask(name, *words):
    ctypes.set_errno(0)
    print(name, libc.syscall(*words) >= 0 and "goes" or os.strerror(ctypes.get_errno()))
ask("kcmp", 312 if x86 else 272, os.getpid(), os.getpid(), 1, 0, 0)
ask("pidfd_getfd", 438, -1, -1, 0)
ask("pidfd_open", 434, os.getpid(), 0)
ask("clone3", 435, 0, 0)
ask("close_range", 436, 1000000, 1000000, 0)
ask("unshare", 272 if x86 else 97, 0)
for family in (2, 16, 40):
    ask(f"socket {family}", 41 if x86 else 198, family, 2 if family == 2 else 3, 0)
pid = os.fork()
if pid:
    print("fork", os.waitpid(pid, 0)[1])
END
    run "$TOP/tests/containers/in_profile" python3 "$TESTTMP/ask.py" 3>&-
    echo "$output"
    [ "$output" = 'kcmp Operation not permitted
pidfd_getfd Operation not permitted
pidfd_open goes
clone3 Function not implemented
close_range goes
unshare Operation not permitted
socket 2 goes
socket 16 goes
socket 40 Operation not permitted
fork 0' ]
}

@test "the watcher shares the table, stays unknown to libc, says so, and reports the same" {
    needs_filter
    run as_container "interval=50ms:grace=300ms:signal=10:verbosity=1:log_path=$TESTTMP/log" "$VICTIMS/own_table" "$TESTTMP/log"
    [ "$status" -eq 0 ]
    contains "$(whole)" "the watcher has started \(thread [0-9]+, unknown to libc\); it looks every 50 ms, from the program's descriptor table"
    contains "$(whole)" "3 sockets stuck in CLOSE_WAIT"
}

@test "at the end of the descriptors the report is there, and the program does not notice" {
    needs_filter
    local options="log_path=$TESTTMP/log:leak_check_at_exit=0"
    run "$TOP/tests/containers/in_profile" "$VICTIMS/exhaust" server 40 3>&- 4>&-
    local bare="$status $output"
    run as_container "$options" "$VICTIMS/exhaust" server 40
    [ "$status $output" = "$bare" ]
    [ "$(whole | grep -c 'Who holds them')" -eq 1 ]
    contains "$(whole)" "accept4 failed: no descriptor left \(limit 40, [0-9]+ are sockets\)"
    contains "$(whole)" "#0 serve_one "
}

@test "of prefork workers that call nothing one reports, and after their end nothing is lost" {
    needs_filter
    start v "$TOP/tests/containers/in_profile" env LD_PRELOAD="$AGENT" \
        SOCKLEAK_OPTIONS="grace=500ms:interval=250ms:log_path=$TESTTMP/log" "$VICTIMS/family" prefork "$port"
    asleep 3
    peer_closes
    in_a_log() { cat "$TESTTMP"/log* 2>/dev/null | grep -q "3 sockets stuck in CLOSE_WAIT"; }
    wait_for 20 in_a_log
    local p
    for p in "${at[@]}"; do kill -KILL "$p"; done
    for p in "${at[@]}"; do wait_for 20 ended "$p"; done
    "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/report" 2>&1
    [ "$(grep -c '3 sockets stuck in CLOSE_WAIT' "$TESTTMP/report")" = 1 ]
    contains "$TESTTMP/report" '#0 open_one '
}
