#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# Every signal that is meant for the program reaches it under `sockleak run`, and reaches it once.

load helpers

# counts: a program that says READY, counts SIGRTMIN, and at SIGRTMAX prints the count and ends. With an argument a grandchild signals the group.
counts()
{
    cat >"$TESTTMP/counts.py" <<'PY'
import os, signal, sys
wanted = {signal.SIGRTMIN, signal.SIGRTMAX, signal.SIGALRM, signal.SIGHUP}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
if len(sys.argv) > 1:
    if os.fork() == 0:
        if os.fork() == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
            os.kill(0, signal.SIGRTMIN)
            signal.sigwait({signal.SIGRTMAX})
            os._exit(0)
        signal.sigwait({signal.SIGRTMAX})
        os._exit(0)
n = 0
while True:
    s = signal.sigwait(wanted)
    n += s == signal.SIGRTMIN
    print("got", signal.Signals(s).name, flush=True) # real-time ones: they are queued, however fast they come
    if s != signal.SIGRTMIN:
        break
os.kill(0, signal.SIGRTMAX)
print("count", n, flush=True)
PY
}

@test "an alarm that was set before the exec of run reaches the program" {
    counts
    run timeout 60 python3 -c 'import os, signal, sys; signal.alarm(2); os.execv(sys.argv[1], sys.argv[1:])' \
        "$SOCKLEAK" run -- python3 "$TESTTMP/counts.py"
    contains "$output" "^got SIGALRM"
}

@test "the hangup of a terminal reaches the program when run leads the session" {
    counts
    python3 - "$SOCKLEAK" "$TESTTMP/counts.py" "$TESTTMP/out" <<'PY'
import os, pty, sys, time
child, master = pty.fork()
if child == 0:
    os.execv("/bin/sh", ["sh", "-c", 'exec "$0" run -- python3 "$1" >"$2" 2>&1', *sys.argv[1:]])
def said(what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if os.path.exists(sys.argv[3]) and what in open(sys.argv[3]).read():
            return True
        time.sleep(0.05)
    return False
ok = said("ready")
os.close(master)
ok = ok and said("got SIGHUP")
if not ok:
    os.system("pkill -KILL -s %d" % child)
os.waitpid(child, 0)
sys.exit(0 if ok else "the program did not hear of it")
PY
}

@test "what a grandchild sends to its whole group reaches the program once" {
    counts
    start run setsid "$SOCKLEAK" run -- python3 "$TESTTMP/counts.py" group
    wait_for 30 grep -q 'got SIGRTMIN' "$TESTTMP/run.out"
    kill -RTMAX "$pid" # to run alone, and behind the first one
    wait_for 30 grep -q '^count' "$TESTTMP/run.out"
    wait "$pid" || true
    contains "$TESTTMP/run.out" '^count 1$'
}
