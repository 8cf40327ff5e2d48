#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockleak run: a program tree under the agent, one report at its end, and nothing else that anybody could notice.

bats_require_minimum_version 1.5.0
load helpers

# runs ARGS...: sockleak run with a time limit, without the test runner's descriptors.
runs()
{
    timeout 60 "$SOCKLEAK" run "$@" 3>&- 4>&-
}

# No state file, directory or log of a run is left.
nothing_left()
{
    [ -z "$(ls -A "$XDG_RUNTIME_DIR/sockleak")" ]
}

@test "the report names function, file and line, on standard error, and leaves nothing behind" {
    run --separate-stderr runs -- "$VICTIMS/run_leak" 5
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
    # shellcheck disable=SC2154 # by run --separate-stderr
    contains "$stderr" 'WARNING: sockleak: 5 sockets stuck in CLOSE_WAIT'
    contains "$stderr" '#0 db_connect +tests/victims/run_leak.c:[0-9]+$'
    contains "$stderr" 'saw EOF in \(recv returned 0; 5 of 5\)'
    contains "$stderr" 'SUMMARY: sockleak: 5 sockets leaked at 1 site'
    nothing_left
}

@test "a program without leaks: its own output, its own status, not a word" {
    run --separate-stderr runs --exitcode 23 -- sh -c 'echo out; echo err >&2; exit 7'
    [ "$status" -eq 7 ]
    [ "$output" = out ]
    [ "$stderr" = err ]
    nothing_left
}

@test "the status is the program's, 128+N after a signal, --exitcode's only for a leak and 0" {
    run runs -- "$VICTIMS/run_leak" 1 exit 5
    [ "$status" -eq 5 ]
    run runs --exitcode 23 -- "$VICTIMS/run_leak" 1 exit 5
    [ "$status" -eq 5 ]
    run runs --exitcode 23 -- "$VICTIMS/run_leak" 1
    [ "$status" -eq 23 ]
    run runs --exitcode 23 -- "$VICTIMS/run_leak" 0
    [ "$status" -eq 0 ]
    run runs --exitcode 23 -- sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
    SOCKLEAK_OPTIONS=exitcode=24 run runs -- "$VICTIMS/run_leak" 1
    [ "$status" -eq 24 ]
}

@test "--max-allowed tolerates so many sockets and not one more" {
    run runs --exitcode 23 --max-allowed 3 -- "$VICTIMS/run_leak" 3
    [ "$status" -eq 0 ]
    contains "$output" '3 sockets leaked'
    run runs --exitcode 23 --max-allowed 3 -- "$VICTIMS/run_leak" 4
    [ "$status" -eq 23 ]
    SOCKLEAK_OPTIONS=exitcode=23:max_allowed=4 run runs -- "$VICTIMS/run_leak" 4
    [ "$status" -eq 0 ]
}

@test "200 children of which three leak: one report, three processes in it" {
    run runs -- "$VICTIMS/run_tree" 200 3
    [ "$status" -eq 0 ]
    [ "$(grep -c 'WARNING: sockleak' <<<"$output")" -eq 1 ]
    contains "$output" 'WARNING: sockleak: 3 sockets hung up'
    contains "$output" 'open_connection +tests/victims/run_tree.c:'
    [ "$(grep -cE '^  pid [0-9]+  fd [0-9]+  unix' <<<"$output")" -eq 3 ]
    [ "$(grep -cE 'run_tree: 1 socket stuck; exited with status 0' <<<"$output")" -eq 3 ]
    contains "$output" 'SUMMARY: sockleak: 3 sockets leaked at 1 site \(3 hangup\)'
    nothing_left
}

@test "a program that is killed is reported too" {
    run runs --exitcode 23 -- "$VICTIMS/run_leak" 2 kill 9
    [ "$status" -eq 137 ]
    contains "$output" 'run_leak: ended by signal 9 \(Killed\)'
    contains "$output" '2 sockets stuck in CLOSE_WAIT'
    contains "$output" 'fd 4 .* CLOSE_WAIT'
    nothing_left
}

@test "--kinds all reports what is just open" {
    run runs --kinds all --exitcode 23 -- python3 -c 'import socket, os
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1)
c = socket.create_connection(s.getsockname()); a, _ = s.accept(); s.close()
c.detach(); a.detach()'
    [ "$status" -eq 23 ]
    contains "$output" '2 open'
}

@test "--json has each process' groups and one summary" {
    runs --json "$TESTTMP/j" -- "$VICTIMS/run_tree" 10 2 2>/dev/null
    python3 - "$TESTTMP/j" <<'PY'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
leaks = [l for l in lines if l["type"] == "leak"]
assert len(leaks) == 2 and len({l["pid"] for l in leaks}) == 2 and len({l["site"] for l in leaks}) == 1
assert leaks[0]["frames"][0]["symbol"] == "open_connection" and leaks[0]["frames"][0]["line"] > 1
summary, = [l for l in lines if l["type"] == "summary"]
assert summary["leaks"] == 2 and summary["sites"] == 1 and summary["by_kind"]["hangup"] == 2
PY
}

@test "--output keeps the state files, and report reads them again" {
    run runs --output "$TESTTMP/keep" -- "$VICTIMS/run_leak" 2
    contains "$output" '2 sockets leaked'
    run "$SOCKLEAK" report "$TESTTMP/keep"
    contains "$output" '2 sockets stuck in CLOSE_WAIT'
    # a second run into the same place reports its own leaks only
    run runs --output "$TESTTMP/keep" -- "$VICTIMS/run_leak" 3
    contains "$output" 'SUMMARY: sockleak: 3 sockets leaked'
}

@test "--output takes a directory that others may read, none that they may write to, and no link" {
    mkdir -m 755 "$TESTTMP/keep"
    run runs --output "$TESTTMP/keep" -- "$VICTIMS/run_leak" 2
    [ "$status" -eq 0 ]
    contains "$output" '2 sockets leaked'
    lacks "$output" 'no state file'
    [ "$(stat -c %a "$TESTTMP"/keep/*.sockleak)" = 600 ]
    ln -s keep "$TESTTMP/link"
    for way in 775:keep 757:keep 700:link 700:link/; do
        chmod "${way%%:*}" "$TESTTMP/keep"
        run runs --output "$TESTTMP/${way#*:}" -- touch "$TESTTMP/ran"
        [ "$status" -eq 1 ]
        contains "$output" 'chmod go-w|symbolic link'
        [ ! -e "$TESTTMP/ran" ]
    done
}

@test "the state directory may be read by others, not written" {
    mkdir -m 755 "$TESTTMP/states"
    with_agent log_path="$TESTTMP/log.%p:state_dir=$TESTTMP/states" "$VICTIMS/run_leak" 2
    [ "$(find "$TESTTMP/states" -name "*.sockleak" | wc -l)" -eq 1 ]
    rm "$TESTTMP"/states/*.sockleak
    chmod 775 "$TESTTMP/states"
    with_agent log_path="$TESTTMP/log.%p:state_dir=$TESTTMP/states" "$VICTIMS/run_leak" 2
    [ -z "$(ls -A "$TESTTMP/states")" ]
    grep -q 'no state file.*others may write to it' "$TESTTMP"/log.*
}

@test "--suppressions leaves out what matches, by source file too" {
    echo 'leak:run_leak.c' >"$TESTTMP/supp"
    run runs --suppressions "$TESTTMP/supp" --exitcode 23 -- "$VICTIMS/run_leak" 2
    [ "$status" -eq 0 ]
    contains "$output" 'nothing is stuck but 2 suppressed sockets'
    run runs --suppressions "$TESTTMP/none" -- touch "$TESTTMP/ran"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [ ! -e "$TESTTMP/ran" ]
}

@test "what the agent warns of is passed on once" {
    SOCKLEAK_OPTIONS=frobnicate=1 run runs -- "$VICTIMS/run_tree" 20 0
    [ "$status" -eq 0 ]
    [ "$(grep -c frobnicate <<<"$output")" -eq 1 ]
    nothing_left
}

@test "a report that the program asked for is passed on" {
    cat >"$TESTTMP/asks.c" <<'C'
#include <sockleak.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    int pair[2];
    sockleak_mark_t start = sockleak_mark();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 99;
    int n = sockleak_check(start, SOCKLEAK_ALL, 0);
    close(pair[0]);
    close(pair[1]);
    return n == 2 ? 0 : 98;
}
C
    build_victim asks "$TESTTMP/asks.c"
    run runs --exitcode 23 -- "$TESTTMP/asks"
    [ "$status" -eq 0 ]
    contains "$output" 'SUMMARY: sockleak: 2 sockets leaked at 1 site'
    contains "$output" '#0 main +.*asks.c:[0-9]+'
    nothing_left
}

@test "a preload that was there stays" {
    echo 'int other_is_loaded;' >"$TESTTMP/other.c"
    build_victim other.so "$TESTTMP/other.c" -shared -fPIC
    LD_PRELOAD=$TESTTMP/other.so run runs -- cat /proc/self/maps
    contains "$output" 'other.so'
    contains "$output" 'libsockleak.so'
}

# hooked: $TESTTMP/hooked, which leaks a pair of sockets in each of three functions, and has both hooks.
hooked()
{
    cat >"$TESTTMP/hooked.c" <<'C'
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
const char *sockleak_default_options(void) { return "max_leaks=1:exitcode=77:kinds=hangup"; }
const char *sockleak_default_suppressions(void) { return "# ours\nleak:known_one\n"; }
static void leak(int n)
{
    for (int pair[2]; n-- > 0; close(pair[1]))
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
            exit(99);
}
static void known_one(void) { leak(1); }
static void first(void) { leak(2); }
static void second(void) { leak(3); }
int main(int argc, char **argv)
{
    (void)argv;
    known_one();
    if (argc > 1)
        return 0;
    first();
    second();
    return 0;
}
C
    build_victim hooked "$TESTTMP/hooked.c" -rdynamic
}

@test "the hooks of a program are heeded by run and report; the environment and the command line come before them" {
    hooked
    run runs --output "$TESTTMP/keep" -- "$TESTTMP/hooked"
    [ "$status" -eq 77 ]
    contains "$output" '3 sockets hung up'
    lacks "$output" '2 sockets hung up'
    lacks "$output" 'known_one  '
    contains "$output" 'SUMMARY: sockleak: 5 sockets leaked at 2 sites'
    contains "$output" 'Suppressions used:'
    contains "$output" '^ +1 +1 +leak:known_one$'
    run "$SOCKLEAK" report "$TESTTMP/keep"
    contains "$output" '3 sockets hung up'
    lacks "$output" '2 sockets hung up|known_one'
    SOCKLEAK_OPTIONS=max_leaks=0:exitcode=78 run runs -- "$TESTTMP/hooked"
    [ "$status" -eq 78 ]
    contains "$output" '2 sockets hung up'
    run runs --exitcode 79 --kinds close_wait -- "$TESTTMP/hooked"
    [ "$status" -eq 0 ]
    run runs --exitcode 79 -- "$TESTTMP/hooked"
    [ "$status" -eq 79 ]
    # all that is left is suppressed
    run runs -- "$TESTTMP/hooked" x
    [ "$status" -eq 0 ]
    contains "$output" 'nothing is stuck but 1 suppressed socket'
    contains "$output" '^ +1 +1 +leak:known_one$'
    nothing_left
}

@test "run does what SOCKLEAK_OPTIONS says of the report: max_leaks, print_summary, symbolize, color, suppressions and their list" {
    hooked
    SOCKLEAK_OPTIONS=max_leaks=1:print_summary=0:symbolize=0:color=always:print_suppressions=0 run runs --json "$TESTTMP/j" -- "$TESTTMP/hooked"
    lacks "$output" 'SUMMARY|db_connect|first|second|Suppressions used'
    contains "$output" 'hooked\+0x'
    contains "$output" $'\e\\['
    lacks "$TESTTMP/j" summary
    [ "$(wc -l <"$TESTTMP/j")" -eq 1 ]
    echo 'hangup:second' >"$TESTTMP/supp"
    SOCKLEAK_OPTIONS=suppressions=$TESTTMP/supp run runs -- "$TESTTMP/hooked"
    contains "$output" '^ +3 +1 +hangup:second$'
    contains "$output" '^ +1 +1 +leak:known_one$'
    [ "$(grep -c 'Suppressions used' <<<"$output")" -eq 1 ]
}

@test "a run that cannot begin leaves the user's directory; one goes nowhere that others may write" {
    mkdir -m 700 "$TESTTMP/keep"
    run runs --output "$TESTTMP/keep" --suppressions "$TESTTMP/missing" -- true
    [ "$status" -eq 1 ]
    [ -d "$TESTTMP/keep" ]
    mkdir "$XDG_RUNTIME_DIR/sockleak"
    chmod 777 "$XDG_RUNTIME_DIR/sockleak"
    run runs -- sh -c "ls -A '$XDG_RUNTIME_DIR/sockleak'"
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
}

@test "help=1 prints the options once, and the program runs" {
    SOCKLEAK_OPTIONS=help=1 run --separate-stderr runs -- sh -c 'sh -c "echo ran"'
    [ "$status" -eq 0 ]
    [ "$output" = ran ]
    [ "$(grep -c '^  max_leaks ' <<<"$stderr")" -eq 1 ]
}

@test "SOCKLEAK_LIBRARY names the library for run, as it does for attach" {
    mkdir "$TESTTMP/lib [x]"
    cp "$AGENT" "$TESTTMP/here.so"
    SOCKLEAK_LIBRARY=$TESTTMP/here.so run runs -- cat /proc/self/maps
    contains "$output" "$TESTTMP/here.so"
    SOCKLEAK_LIBRARY=$TESTTMP/missing.so run runs -- true
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak run: SOCKLEAK_LIBRARY=$TESTTMP/missing.so: No such file or directory" ]
    # a directory whose name looks like a pattern
    cp "$SOCKLEAK" "$AGENT" "$TESTTMP/lib [x]"
    run "$TESTTMP/lib [x]/sockleak" run -- true
    contains "$output" 'cannot preload'
    mv "$TESTTMP/lib [x]" "$TESTTMP/lib[x]"
    run "$TESTTMP/lib[x]/sockleak" run -- cat /proc/self/maps 3>&- 4>&-
    contains "$output" 'lib\[x\]/libsockleak.so'
}

@test "a process that outlives the program is reported as a live one" {
    mkfifo "$TESTTMP/hold"
    exec 8<>"$TESTTMP/hold"
    cat >"$TESTTMP/daemon" <<SH
#!/bin/sh
"$VICTIMS/run_leak" 2 wait <"$TESTTMP/hold" >"$TESTTMP/out" 2>&1 &
echo \$! >"$TESTTMP/pid"
until grep -q ready "$TESTTMP/out"; do sleep 0.05; done
SH
    chmod +x "$TESTTMP/daemon"
    run runs --grace 0 -- "$TESTTMP/daemon" 8>&-
    STARTED+=("$(cat "$TESTTMP/pid")")
    [ "$status" -eq 0 ]
    contains "$output" 'run_leak: still runs'
    contains "$output" '2 sockets stuck in CLOSE_WAIT'
    contains "$output" "a process of the run lives on \\($(cat "$TESTTMP/pid")\\): 'sockleak report $(cat "$TESTTMP/pid")' reports on it"
    run "$SOCKLEAK" report --min-age 0 "$(cat "$TESTTMP/pid")"
    contains "$output" '2 sockets stuck in CLOSE_WAIT'
}

@test "a daemon that opens its sockets after its parent has ended is named by run, and asked by its number" {
    mkfifo "$TESTTMP/hold"
    exec 8<>"$TESTTMP/hold"
    cat >"$TESTTMP/daemon" <<SH
#!/bin/sh
setsid sh -c 'echo \$\$ >"$TESTTMP/pid"; read -r word; exec "$VICTIMS/run_leak" 2 wait' <"$TESTTMP/hold" >"$TESTTMP/out" 2>&1 &
until [ -s "$TESTTMP/pid" ]; do sleep 0.05; done
SH
    chmod +x "$TESTTMP/daemon"
    for how in "" "--output $TESTTMP/kept"; do
        rm -f "$TESTTMP/pid"
        # shellcheck disable=SC2086 # two words or none
        run runs $how -- "$TESTTMP/daemon" 8>&-
        daemon=$(cat "$TESTTMP/pid")
        STARTED+=("$daemon")
        [ "$status" -eq 0 ]
        [ "$output" = "sockleak run: a process of the run lives on ($daemon): 'sockleak report $daemon' reports on it" ]
        [ "$how" ] || ls -d "$XDG_RUNTIME_DIR"/sockleak/run-*
        echo go >&8
        wait_for 20 grep -q ready "$TESTTMP/out"
        run "$SOCKLEAK" report --min-age 0 "$daemon"
        contains "$output" '2 sockets stuck in CLOSE_WAIT'
        kill -KILL "$daemon"
        wait_for 20 ended "$daemon"
        rm -f "$TESTTMP/out"
    done
}

@test "a static program is refused with the reason where it is not to be traced, and does not run" {
    echo 'int puts(const char *); int main(void) { puts("ran"); return 0; }' >"$TESTTMP/static.c"
    build_victim static "$TESTTMP/static.c" -static
    run runs --no-trace -- "$TESTTMP/static"
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak run: $TESTTMP/static is statically linked: no library can be preloaded into it; 'sockleak run --trace' watches it from outside, 'sockleak scan' sees its sockets without an agent" ]
}

@test "programs of another processor, class or libc are refused" {
    for change in 18:'another processor' 4:32-bit; do
        cp "$VICTIMS/run_leak" "$TESTTMP/other"
        python3 - "$TESTTMP/other" "${change%%:*}" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = int(sys.argv[2])
if at == 18:
    data[18:20] = b"\x2b\x00"  # SPARC v9: no machine that this runs on
else:
    data[4] = 1
open(sys.argv[1], "wb").write(data)
PY
        run runs -- "$TESTTMP/other"
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
        contains "$output" "${change#*:}"
    done
    python3 - "$VICTIMS/run_leak" "$TESTTMP/other" <<'PY'
import re, sys
data = open(sys.argv[1], "rb").read()
path = re.search(rb"/lib[^\0]*/ld-[^\0]*\0", data).group()
other = b"/lib/ld-uClibc.so.1\0"
open(sys.argv[2], "wb").write(data.replace(path, other + bytes(len(path) - len(other)), 1))
PY
    chmod +x "$TESTTMP/other"
    run runs -- "$TESTTMP/other"
    [ "$status" -eq 1 ]
    contains "$output" 'another libc'
}

@test "a set-user-ID program is refused to whom it would change" {
    if [ "$(id -u)" -eq 0 ]; then
        chmod 755 "$TESTTMP"
        cp "$VICTIMS/run_leak" "$TESTTMP/suid"
        chown nobody "$TESTTMP/suid"
        chmod 4755 "$TESTTMP/suid"
        findmnt -n -o OPTIONS -T "$TESTTMP" | grep -q nosuid && skip "$TESTTMP is mounted nosuid"
        run runs -- "$TESTTMP/suid" 0
    else
        [ -u /bin/su ] || skip "no set-user-ID program here"
        run runs -- /bin/su --version
    fi
    [ "$status" -eq 1 ]
    contains "$output" "is set-user-ID: the loader ignores preloads there"
}

@test "a set-user-ID or set-group-ID program is refused to its owner too" {
    for mode in 4755 2755; do
        cp "$VICTIMS/run_leak" "$TESTTMP/own"
        chmod "$mode" "$TESTTMP/own"
        run runs -- "$TESTTMP/own" 0
        [ "$status" -eq 1 ]
        contains "$output" "own is set-(user|group)-ID: for any user whose rights it changes the loader ignores preloads; .*'sockleak scan'"
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "a missing file, a directory and a file without x are one line and status 1" {
    run runs -- "$TESTTMP/missing"
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak run: cannot run $TESTTMP/missing: No such file or directory" ]
    run runs -- no-such-command-anywhere
    [ "$output" = "sockleak run: cannot run no-such-command-anywhere: no such command in PATH" ]
    run runs -- "$TESTTMP"
    [ "$status" -eq 1 ]
    contains "$output" 'Is a directory'
    : >"$TESTTMP/plain"
    run runs -- "$TESTTMP/plain"
    [ "$status" -eq 1 ]
    contains "$output" 'not executable'
    nothing_left || [ ! -e "$XDG_RUNTIME_DIR/sockleak" ]
}

@test "shell scripts run, with and without their first line; a static interpreter is traced, or refused" {
    printf '#!/bin/sh\n"%s" 1\n' "$VICTIMS/run_leak" >"$TESTTMP/script"
    printf '"%s" 1\n' "$VICTIMS/run_leak" >"$TESTTMP/bare"
    printf '#!/usr/bin/env -S bash -e\n"%s" 1\n' "$VICTIMS/run_leak" >"$TESTTMP/env"
    echo 'int main(void) { return 0; }' >"$TESTTMP/static.c"
    build_victim static "$TESTTMP/static.c" -static
    printf '#!%s\n' "$TESTTMP/static" >"$TESTTMP/bad"
    chmod +x "$TESTTMP/script" "$TESTTMP/bare" "$TESTTMP/env" "$TESTTMP/bad"
    for script in script bare env; do
        run runs -- "$TESTTMP/$script"
        [ "$status" -eq 0 ]
        contains "$output" '1 socket leaked at 1 site'
    done
    run runs -- "$TESTTMP/bad"
    [ "$status $output" = "0 " ]
    run runs --no-trace -- "$TESTTMP/bad"
    [ "$status" -eq 1 ]
    contains "$output" 'statically linked'
}

@test "a signal sent to sockleak alone reaches the program" {
    start run "$SOCKLEAK" run -- bash -c 'trap "echo got-usr1; exit 9" USR1; echo ready; while :; do sleep 0.05; done'
    wait_for 20 grep -q ready "$TESTTMP/run.out"
    # shellcheck disable=SC2154 # by start
    kill -USR1 "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 9 ]
    grep -q got-usr1 "$TESTTMP/run.out"
    start run "$SOCKLEAK" run -- sleep 100
    wait_for 20 pgrep -P "$pid" -x sleep
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
}

@test "on a terminal: ctrl-C, ctrl-Z and fg, the program's own group, an interactive shell" {
    python3 - "$SOCKLEAK" "$VICTIMS/run_leak" <<'PY'
import os, pty, re, select, signal, sys, time
sockleak, leak = sys.argv[1:]

def session(commands, shell=("bash", "--norc", "--noprofile", "-i")):
    pid, fd = pty.fork()
    if pid == 0:
        for extra in range(3, 64):
            try: os.close(extra)
            except OSError: pass
        os.environ["PS1"] = "PROMPT> "
        os.execvp(shell[0], shell)
    seen = ""
    def expect(pattern, limit=20):
        nonlocal seen
        end = time.monotonic() + limit
        while not re.search(pattern, seen):
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise AssertionError(f"waited in vain for {pattern!r} in {seen!r}")
            try: chunk = os.read(fd, 4096)
            except OSError: chunk = b""
            if not chunk:
                raise AssertionError(f"the terminal closed before {pattern!r}: {seen!r}")
            seen += chunk.decode(errors="replace")
        part, seen = seen, seen[re.search(pattern, seen).end():]
        return part
    def foreground(name):  # waits until a program of that name has the terminal
        end = time.monotonic() + 20
        while open(f"/proc/{os.tcgetpgrp(fd)}/comm").read().strip() != name:
            assert time.monotonic() < end, f"{name} never got the terminal"
            time.sleep(0.02)
    try:
        commands(lambda text: os.write(fd, text.encode()), expect, foreground)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(fd)
        os.waitpid(pid, 0)

def job_control(send, expect, foreground):
    expect("PROMPT> ")
    # ctrl-C reaches the program, which handles it and goes on; sockleak stays
    send(f"{sockleak} run -- bash -c 'trap \"echo GOT-INT\" INT; echo UP; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; done; exit 6'; echo ST=$?\r")
    expect("UP\r\n")
    send("\x03")
    expect("GOT-INT")
    expect("ST=6")
    expect("PROMPT> ")
    # ctrl-Z stops the job, fg continues it, ctrl-C ends it
    send(f"{sockleak} run -- {leak} 2 wait; echo ST=$?\r")
    expect("ready\r\n")
    send("\x1a")
    expect("Stopped")
    expect("PROMPT> ")
    send("fg; echo ST=$?\r")
    expect("run_leak 2 wait\r\n")
    foreground("sockleak")
    send("\x03")
    expect("2 sockets leaked")
    expect("ST=130")
    expect("PROMPT> ")

def interactive(send, expect, foreground):
    expect("PROMPT> ")
    send(f"{sockleak} run -- bash --norc --noprofile -i\r")
    expect("PROMPT> ")
    send("sleep 100\r")
    foreground("sleep")
    send("\x1a")
    expect("Stopped")
    send("kill %1; wait; tty >/dev/null && echo HAS-TTY; exit 4\r")
    expect("HAS-TTY")
    send("echo ST=$?\r")
    expect("ST=4")

session(job_control)
session(interactive)
PY
}

@test "wrong usage is status 2 and one line" {
    for bad in '' '--exitcode 999 -- true' '--kinds foo -- true' '--nonsense' '--grace x -- true'; do
        # shellcheck disable=SC2086
        run runs $bad
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
}
