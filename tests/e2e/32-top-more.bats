#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 32-top-more: what the live view does in the long run: after an answer of the agent, and when its terminal goes away.

load helpers

setup()
{
    helpers_setup
    TMUX_SOCKET=$TESTTMP/tmux
}

teardown()
{
    command -v tmux >/dev/null && tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null
    helpers_teardown
}

screen() { tmux -S "$TMUX_SOCKET" capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
see() { wait_for 30 shows "$1" || { screen; return 1; }; }

# held: holds four connections to a child of its own; that ends one at once, the others when SIGUSR1 comes. $pid, $far
held()
{
    build_victim held - -I"$TOP/tests/victims" <<'C'
#include <signal.h>
#include <sys/prctl.h>
#include "victim.h"
static volatile sig_atomic_t told;
static void tell(int sig) { told = sig; }
static void far_side(int l)
{
    int far[4];
    signal(SIGUSR1, tell);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 4; i++)
        far[i] = accept(l, NULL, NULL);
    close(far[3]);
    while (!told)
        usleep(10000);
    for (int i = 0; i < 3; i++)
        close(far[i]);
    for (;;)
        pause();
}
int main(void)
{
    int l = listen_loopback(), child = fork();
    if (child == 0)
        far_side(l);
    for (int i = 0; i < 4; i++)
        connect_loopback();
    printf("far %d\n", child);
    fflush(stdout);
    for (;;)
        pause();
}
C
    start_agent held grace=300ms:interval=250ms "$TESTTMP/held"
    wait_for 20 grep -q far "$TESTTMP/held.out"
    far=$(sed -n 's/^far //p' "$TESTTMP/held.out")
}

@test "after the key r the kernel is asked at each look as before" {
    command -v tmux >/dev/null || skip "tmux is not installed"
    held
    tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 80 -y 24 "'$SOCKLEAK' top --delay 200ms $pid; exec cat" 3>&- 4>&-
    see "1 .*close_wait"
    wait_for 20 grep -q "stuck in CLOSE_WAIT" "$TESTTMP/held.err" # all four were looked at
    tmux -S "$TMUX_SOCKET" send-keys r a
    see "AGE\*" # keys are served in their order
    kill -STOP "$pid"
    see "stopped"
    kill -USR1 "$far"
    see "4 .*close_wait"
}

# what the page of a site says to do, on one line
told_to_do() { screen | sed -n '/^fix: /,/^opened by/p' | sed '/^opened by/d' | tr -s ' \n' ' '; }

@test "the page of a site says what to do, in the report's words and on as many lines as they take" {
    command -v tmux >/dev/null || skip "tmux is not installed"
    local advice
    mkfifo "$TESTTMP/in"
    start_agent life grace=0 bash -c "exec '$VICTIMS/life' loop <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/life.out"
    advice=$("$SOCKLEAK" report --min-age 0 "$pid" | sed -n 's/^  fix: //p')
    echo "$advice"
    [ "${#advice}" -gt 60 ]
    tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 60 -y 50 "'$SOCKLEAK' top $pid; exec cat" 3>&- 4>&- 7>&-
    see "close_wait"
    tmux -S "$TMUX_SOCKET" send-keys Enter
    see "^opened by"
    told_to_do
    [ "$(told_to_do)" = "fix: $advice " ]
    run screen
    contains "$output" '^     [^ ]' # it goes on under its first word
    exec 7>&-
}

@test "top ends when its terminal is gone, even where the hangup is ignored" {
    held
    python3 - "$SOCKLEAK" "$pid" <<'PY'
import os, pty, select, signal, sys, time
child, master = pty.fork()
if child == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], [sys.argv[1], "top", "--delay", "1h", sys.argv[2]])
seen = b""
while b"quit" not in seen:
    seen += os.read(master, 4096)
os.close(master)
end = time.monotonic() + 30
while time.monotonic() < end:
    if os.waitpid(child, os.WNOHANG)[0]:
        sys.exit(0)
    time.sleep(0.05)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
sys.exit("it goes on without a terminal")
PY
}

@test "scan refuses to end after no look at all" {
    run "$SOCKLEAK" scan --watch 1s --count 0
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" "^sockleak scan: --count 0: at least 1"
}
