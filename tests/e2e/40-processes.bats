#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Forks, execs, endings, signals and limits: the program does what it does without us, and what is stuck in which process is said of that one.

load helpers

json() { with_agent "log_format=json:log_path=$TESTTMP/log:grace=1h:$1" "${@:2}"; }
# both OPTIONS WORD...: the program bare and with us; output and status must be the same. The status is in $status, the output in $output.
both()
{
    local options=$1 bare
    shift
    run "$VICTIMS/processes" "$@"
    bare="$status $output"
    run json "$options" "$VICTIMS/processes" "$@"
    echo "bare: $bare; with the agent: $status $output"
    [ "$status $output" = "$bare" ]
}
# groups [PATTERN]: how many leak lines, over all processes, match
groups() { cat "$TESTTMP"/log.* 2>/dev/null | grep '"type":"leak"' | grep -c -- "${1-}"; }
# pids: how many processes reported something
pids() { cat "$TESTTMP"/log.* 2>/dev/null | grep '"type":"leak"' | sed 's/.*"pid":\([0-9]*\).*/\1/' | sort -u | wc -l; }

@test "C1: a vfork child that closes, duplicates and closes by range leaves the parent's table alone" {
    both "" vfork
    [ "$(groups)" = 1 ]
    [ "$(groups '"kind":"close_wait".*"count":1,')" = 1 ]
}

@test "C1: python3's subprocess, which closes all in a vfork child, leaves the parent's table alone" {
    command -v python3 || skip "no python3"
    cat >"$TESTTMP/p.py" <<'END'
import os, socket, subprocess
l = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(l.getsockname())
s, _ = l.accept()
s.close()
for _ in range(20):
    subprocess.run(["/bin/true"], close_fds=True, check=True)
os._exit(0)
END
    json "" python3 "$TESTTMP/p.py"
    [ "$(groups)" = 1 ]
    [ "$(groups '"kind":"close_wait".*"count":1,')" = 1 ]
}

@test "A4, C2: a child of a threaded program never hangs, whatever its threads were doing" {
    both "" threads
    [[ $output = "bad 0" ]]
    [ "$(groups)" = 1 ]
}

@test "C2: what a child opened is the child's, what the parent left stuck is the parent's: fork, _Fork and a raw clone" {
    local how
    for how in fork _Fork clone; do
        rm -f "$TESTTMP"/log.*
        both "" "$how"
        [ "$(pids)" = 2 ]
        [ "$(groups '"kind":"close_wait"')" = 1 ]
        [ "$(groups '"kind":"never_connected"')" = 1 ]
    done
}

@test "C2: a child that uses no socket says nothing of its parent's" {
    both "" quiet-child
    [ "$(pids)" = 1 ]
    [ "$(groups)" = 1 ]
}

@test "C3: a stuck socket that a process keeps over its own exec is told with its origin, used or not" {
    local word
    for word in exec exec-use; do
        rm -f "$TESTTMP"/log.*
        both "" "$word"
        [ "$(groups '"kind":"never_connected"')" = 1 ]
        [ "$(groups '"kind":"close_wait".*"origin":"before_exec"')" = 1 ]
        [ "$(groups)" = 2 ]
    done
}

# after_exec WHAT: python3 opens a socket, does WHAT with it and to exec, under the agent.
after_exec()
{
    with_agent "log_path=$TESTTMP/log" python3 -c 'import os, signal, socket, sys
s = socket.socket()
'"$1"
}
states() { find "$XDG_RUNTIME_DIR" -type f; }

@test "an exec with no socket left leaves no state file; a program without the agent leaves none that is reported" {
    after_exec 's.close(); os.execv("/bin/true", ["true"])'
    [ -z "$(states)" ]
    after_exec 'os.execv("/bin/true", ["true"])' # close-on-exec
    [ -z "$(states)" ]
    after_exec 's.close(); os.execve("/bin/true", ["true"], {})'
    [ -z "$(find "$XDG_RUNTIME_DIR" -name '*.sockleak')" ]
    "$SOCKLEAK" clean "$XDG_RUNTIME_DIR/sockleak"
    [ -z "$(states)" ]
    # a dormant agent's as well
    with_agent "enabled=0:log_path=$TESTTMP/log" python3 -c 'import os, socket; socket.socket(); os.execv("/bin/true", ["true"])'
    [ -z "$(states)" ]
}

@test "a socket that goes along keeps the file, and an exec that fails loses nothing" {
    after_exec 's.set_inheritable(True); os.execve("/bin/true", ["true"], {})'
    [ "$(states | grep -c '[.]sockleak$')" -eq 1 ]
    rm "$(states)"
    after_exec 's.close()
for path in "/nonexistent", "/etc/passwd":
    try: os.execv(path, ["x"])
    except OSError: pass
a, b = socket.socketpair()
b.close()
a.recv(1)
a.detach()
os.kill(os.getpid(), signal.SIGKILL)' || true
    [ "$(states | grep -c '[.]sockleak$')" -eq 1 ]
    run "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak"
    contains "$output" '1 socket hung up'
}

@test "C6: _exit and quick_exit report, with the program's status" {
    both "" _exit
    [ "$status" = 5 ]
    [ "$(groups '"reason":"exit"')" = 1 ]
    rm -f "$TESTTMP"/log.*
    both "" quick_exit
    [ "$status" = 5 ]
    [ "$(groups '"reason":"exit"')" = 1 ]
}

@test "C6: abort and SIGTERM end the program as they do without us, and the state file has it all" {
    local word
    for word in abort term; do
        rm -f "$XDG_RUNTIME_DIR"/sockleak/*
        ulimit -c 0
        both "" "$word"
        run "$SOCKLEAK" report --kinds all --min-age 0 "$XDG_RUNTIME_DIR/sockleak"
        echo "$output"
        [[ $output == *" stuck "*"tests/victims/processes.c"* ]]
    done
}

@test "C7: a program that closes every descriptor finds none of ours and gets the numbers that it expects" {
    both "interval=250ms" close-all
    [[ $output == "open 3"$'\n'"next 3"$'\n'"open 3" ]]
    [ "$(groups)" = 0 ]
}

@test "C8: a socket that took the place of standard error is never written to" {
    run with_agent "" "$VICTIMS/processes" stderr-is-socket
    [ "$status" = 0 ]
    [[ $output == *"bytes 0"* ]]
    [[ $output != *sockleak* ]]
}

@test "C9: after chroot and setuid the report still comes, complete" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    mkdir "$TESTTMP/root"
    run with_agent "log_path=$TESTTMP/log" "$VICTIMS/processes" chroot "$TESTTMP/root"
    [ "$status" = 0 ]
    echo "$output"
    [[ $output == *"stuck in CLOSE_WAIT"* ]]
    [[ $output == *"never connected"* ]]
    [[ $output == *"SUMMARY: sockleak: 2 sockets leaked at 2 sites"* ]]
    [[ $output == *"(processes+0x"*"(libc.so.6+0x"* ]] # no file to take names from; never a wrong one
}

@test "C11: descriptor limits may rise and fall, and the highest number is tracked" {
    both "" limits
    [ "$(groups "\"fd\":${output#fd },")" = 1 ]
}

@test "C12: sigwait gets every signal, SIGCHLD and wait see the program's own children only" {
    both "interval=250ms" signals
    [[ $output == "signals 2000 children 10 left 1" ]]
}

@test "C10: without a watcher the program stays single-threaded: it may enter a user namespace" {
    both "interval=0" unshare
    [ "$(groups)" = 1 ]
}

@test "C14: a process that is stopped, traced or dumped goes on as before" {
    command -v strace || skip "no strace"
    run json "" strace -f -o /dev/null "$VICTIMS/processes" fork
    [ "$status" = 0 ]
    [ "$(groups '"kind":"close_wait"')" = 1 ]
}
