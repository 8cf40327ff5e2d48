#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A connection that was shut down through another descriptor, or by another process, is found where a descriptor is left.

load helpers

# half_closed HOW: a server that keeps a socket which HOW shut down; waits for the word in $TESTTMP/stop
program='
import os, socket, sys, time
l = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(l.getsockname())
s, _ = l.accept()
def child():
    if os.fork() == 0:
        s.shutdown(socket.SHUT_WR)
        os._exit(0)
    os.wait()
def duplicate():
    d = s.dup()
    d.shutdown(socket.SHUT_WR)
    d.close()
globals()[sys.argv[1]]()
print("ready", flush=True)
while not os.path.exists(sys.argv[2]): time.sleep(0.05)
os._exit(0)
'

# looked N PID: for wait_for: so many periods have gone by since the first call, as the watcher sleeps that often
looked()
{
    local now
    now=$(awk '/^voluntary_ctxt_switches/ {print $2}' "$(grep -l '^sockleak$' /proc/"$2"/task/*/comm | head -n 1 | sed 's/comm$/status/')")
    echo "$now" >>"$TESTTMP/switches.$2"
    ((now >= $(head -n 1 "$TESTTMP/switches.$2") + $1))
}

@test "a connection that this process had half-closed before an attach is one at once when a report is asked for" {
    command -v python3 >/dev/null || skip "no python3"
    start half python3 -c "$program" duplicate "$TESTTMP/stop"
    wait_for 20 grep -q ready "$TESTTMP/half.out"
    "$SOCKLEAK" attach "$pid" || skip "may not attach here"
    run "$SOCKLEAK" report --min-age 0 --kinds all "$pid"
    contains "$output" '1 socket stuck in FIN_WAIT_2'
    touch "$TESTTMP/stop"
    wait "$pid"
}

@test "D8: half-closed by a child, or through a duplicate that is closed again: reported as FIN_WAIT_2 while the program runs, and at its end" {
    command -v python3 >/dev/null || skip "no python3"
    local how
    for how in child duplicate; do
        rm -f "$TESTTMP/stop" "$TESTTMP"/log.*
        start_agent "$how" "grace=500ms:interval=250ms:log_format=json:log_path=$TESTTMP/log" python3 -c "$program" "$how" "$TESTTMP/stop"
        local main=$pid
        wait_for 20 grep -q ready "$TESTTMP/$how.out"
        wait_for 30 grep -q '"reason":"grace".*"kind":"fin_wait_2"' "$TESTTMP/log.$main"
        # It stays: several looks later it has not been taken back.
        wait_for 20 looked 20 "$main"
        touch "$TESTTMP/stop"
        wait "$main"
        lacks "$TESTTMP/log.$main" '"type":"release"'
        contains "$TESTTMP/log.$main" '"reason":"exit".*"kind":"fin_wait_2".*"count":1,'
    done
}
