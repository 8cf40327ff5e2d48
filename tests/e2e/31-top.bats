#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 31-top: the live view, on a pseudo-terminal (tmux) and without one.

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

leaker()
{
    start_agent leaker grace=300ms:interval=250ms:leak_check_at_exit=0 "$VICTIMS/scan_top"
    port_of leaker >/dev/null
    leaker=$pid
}

screen() { tmux -S "$TMUX_SOCKET" capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
see() { wait_for 30 shows "$1" || { screen; return 1; }; }
keys() { tmux -S "$TMUX_SOCKET" send-keys "$@"; }

top_at() # WIDTH HEIGHT ARGS...: on a terminal of that size
{
    command -v tmux >/dev/null || skip "tmux is not installed"
    # The shell behind it says that top has ended.
    tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x "$1" -y "$2" "'$SOCKLEAK' top ${*:3}; echo ended \$?; exec cat" 3>&- 4>&-
}

@test "without a terminal top prints one snapshot: totals, and the sites by stuck count" {
    leaker
    wait_for 30 eval "'$SOCKLEAK' top $leaker | grep -q ' 12 .*login_once'"
    wait_for 30 eval "'$SOCKLEAK' top $leaker | grep -q 'stuck at 2 sites'" # the second one has a leak some time later
    run "$SOCKLEAK" top "$leaker"
    [ "$status" -eq 0 ]
    contains "${lines[0]}" "^scan_top \(PID $leaker\): running, (looked|no look)"
    contains "$output" "^[0-9]+ stuck at 2 sites: [0-9]+ close_wait"
    contains "$output" "^opened [0-9]+, closed [0-9]+; descriptors [0-9]+ of [0-9]+"
    contains "$output" " +12 .* 12 close_wait +login_once .*scan_top\.c:[0-9]+"
    contains "$output" "poll_status .*scan_top\.c:[0-9]+"
    lacks "$output" $'\033'
}

@test "top counts what was opened and closed" {
    leaker
    wait_for 30 eval "'$SOCKLEAK' top $leaker | grep -q 'poll_status'"
    kill -STOP "$leaker"
    run "$SOCKLEAK" top "$leaker"
    kill -CONT "$leaker"
    # Each leak opened two sockets and closed one; the listener is open too.
    local opened closed
    opened=$(sed -n 's/^opened \([0-9]*\).*/\1/p' <<<"$output")
    closed=$(sed -n 's/^opened .*closed \([0-9]*\).*/\1/p' <<<"$output")
    [ "$opened" -ge $((2 * closed)) ]
    [ "$opened" -le $((2 * closed + 3)) ]
    [ "$closed" -ge 13 ]
}

@test "sorted by growth or stuck count the growing site comes first, by age the old one" {
    leaker
    first() { "$SOCKLEAK" top --sort "$1" "$leaker" | grep -E 'login_once|poll_status' | head -n 1 | grep -E "$2"; }
    wait_for 60 first growth '/min .*poll_status' # at first both have just risen
    run "$SOCKLEAK" top --sort growth "$leaker"
    contains "$output" "^growing [0-9.]+/min; descriptors out in "
    first age login_once
    wait_for 60 first stuck ' (1[3-9]|[2-9][0-9]|[0-9]{3,}) .*poll_status'
}

@test "at 80x24: the list, the chosen site's stack and sockets, and back" {
    leaker
    top_at 80 24 "$leaker"
    see "12 .*login_once"
    see "^scan_top \(PID $leaker\): running"
    see "q quit"
    keys a # the oldest is first, whatever has leaked since
    see "AGE\*"
    keys Enter
    see "^opened by "
    see "#0 (login_once|poll_status) .*scan_top\.c"
    see "#1 main "
    see "^sockets"
    see "^ fd [0-9]+  127\.0\.0\.1:[0-9]+ -> 127\.0\.0\.1:$(port_of leaker) "
    keys q
    see "WHERE"
    see "poll_status"
    # Which of the two is older can change with their first looks.
    keys Home Enter
    see "^opened by "
    if shows "#0 login_once"; then
        keys q
        see "WHERE"
        keys Down Enter
    fi
    see "#0 poll_status "
    keys q q
    see "^ended 0"
}

@test "at 40x10 it is readable: no line is wider, the foot and the worst site are seen" {
    leaker
    top_at 40 10 "$leaker"
    see "12 .*login_once"
    see "^STUCK"
    see "q quit"
    keys Enter
    see "^opened by "
    keys End NPage
    see "q back"
    keys q q
    see "^ended 0"
}

@test "it follows the window's size" {
    leaker
    top_at 80 24 "$leaker"
    see "KIND"
    tmux -S "$TMUX_SOCKET" resize-window -x 40 -y 10
    see "^STUCK.* WHERE"
    lacks "$(screen)" KIND
    tmux -S "$TMUX_SOCKET" resize-window -x 100 -y 30
    see "KIND"
}

@test "it works while the target is stopped, and says when the target was killed" {
    leaker
    kill -STOP "$leaker"
    top_at 80 24 --delay 200ms "$leaker"
    see "^scan_top \(PID $leaker\): stopped"
    see "12 .*login_once"
    kill -KILL "$leaker"
    see "^scan_top \(PID $leaker\) was killed; this is its last state"
    see "12 .*login_once"
    keys Enter
    see "^opened by "
    keys q q
    see "^ended 0"
}

@test "a process without the agent, without a socket or gone is said in one line" {
    start plain sleep 60
    run "$SOCKLEAK" top "$pid"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" "^sockleak top: process $pid: "
    start_agent quiet "" sleep 60
    wait_for 20 grep -q libsockleak "/proc/$pid/maps"
    run "$SOCKLEAK" top "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "there is no state file, and no socket is open"
    run "$SOCKLEAK" report "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "process $pid runs under the agent and holds no socket now; it has no state file"
    start_agent dormant enabled=0 "$VICTIMS/trust" wait 2
    wait_for 20 grep -q ready "$TESTTMP/dormant.out"
    run "$SOCKLEAK" top "$pid"
    contains "$output" "nothing stuck of what it has recorded; 2 sockets are not"
    run "$SOCKLEAK" top 4194304
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    local words
    for words in "" "1 2" "--sort size 1" "--delay 1ms 1" "x"; do
        # shellcheck disable=SC2086 # several words on purpose
        run "$SOCKLEAK" top $words
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "the view ends with its terminal, also where nobody is told of that" {
    leaker
    python3 - "$SOCKLEAK" "$pid" <<'PY'
import os, pty, signal, sys, time
child, fd = pty.fork()
if child == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], [sys.argv[1], "top", sys.argv[2]])
seen = b""
while b"quit" not in seen:
    seen += os.read(fd, 4096)
os.close(fd)
end = time.monotonic() + 20
while os.waitpid(child, os.WNOHANG)[0] == 0:
    if time.monotonic() > end:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.exit("it runs on")
    time.sleep(0.05)
PY
}

@test "ctrl-\\ ends the view too, and leaves the terminal as it was" {
    leaker
    python3 - "$SOCKLEAK" "$leaker" <<'PY'
import os, pty, signal, sys, termios
child, fd = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm"
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.execv(sys.argv[1], [sys.argv[1], "top", sys.argv[2]])
seen = b""
while b"quit" not in seen:
    seen += os.read(fd, 4096)
os.write(fd, b"\x1c")
try:
    while True:
        more = os.read(fd, 4096)
        if not more:
            break
        seen += more
except OSError: # the terminal has no process any more
    pass
status = os.waitpid(child, 0)[1]
assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGQUIT, status
assert b"\x1b[?1049l" in seen, seen[-200:]
assert termios.tcgetattr(fd)[3] & termios.ECHO
PY
}
