# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# systemd: systemd-socket-activate, which hands a service its sockets as systemd does (LISTEN_FDS): a listener (Accept=no), a process for each connection
# (Accept=yes), and as inetd did. Nobody leaks anything: a service may take its time before it first calls on its socket.
what="systemd-socket-activate: a listener, a process for each connection, inetd; services that are slow, that lack the agent, that pass it on"
needs="systemd-socket-activate=systemd python3=python3 ss=iproute2"

work()
{
    local first second i
    cat >"$DIR/listener" <<'PY'
import os, socket
assert os.environ["LISTEN_FDS"] == "1"
l = socket.socket(fileno=3)
for _ in range(2):
    c, _ = l.accept()
    for line in c.makefile("rb"):
        c.sendall(line.upper())
    c.close()
PY
    cat >"$DIR/plain" <<'END'
while read -r line <&3; do echo "$LISTEN_FDS ${line^^}" >&3; done
END
    # It hands its socket to a program, and closes its own.
    cat >"$DIR/passes" <<'END'
sed -u 's/.*/\U&/' <&3 >&3 &
exec 3>&-
wait
END
    cat >"$DIR/slow" <<'END'
touch "$1/started.$2"
while ! [ -e "$1/stop" ]; do sleep 0.2; done
while read -r line <&3; do echo "${line^^}" >&3; done
END
    # As systemd does, it gives the service an environment of its own.
    keep=()
    [[ $MODE == bare ]] || keep=(-E LD_PRELOAD -E SOCKLEAK_OPTIONS -E XDG_RUNTIME_DIR)
    # The first connection starts the service, and what it waits for is in the backlog.
    activate listener python3 "$DIR/listener" && ask 2
    until_true 30 gone "$pid"
    activate accept -a bash "$DIR/plain" && ask 2 && stop "$pid"
    activate bare -a env -u LD_PRELOAD bash "$DIR/plain" && ask 2 && stop "$pid"
    activate passes -a bash "$DIR/passes" && ask 2 && stop "$pid"
    activate inetd -a --inetd cat && ask 2 && stop "$pid"

    activate slow -a bash "$DIR/slow" "$DIR" with
    first=$pid
    ask 1 >"$DIR/slow.with" &
    STARTED+=("$!")
    until_true 30 test -e "$DIR/started.with"
    keep=()
    activate slow-bare -a env -u LD_PRELOAD bash "$DIR/slow" "$DIR" without
    second=$pid
    ask 1 >"$DIR/slow.without" &
    STARTED+=("$!")
    until_true 30 test -e "$DIR/started.without"
    sleep 3 # looks in which it may be said that a child keeps the connection
    look
    touch "$DIR/stop"
    for i in with without; do
        until_true 60 grep -q TWO "$DIR/slow.$i"
        cat "$DIR/slow.$i"
    done
    stop "$first"
    stop "$second"
}
# activate NAME ARGUMENTS...: systemd-socket-activate in the background, its number in $pid, its port in PORTS. Another process may be faster with the port.
activate()
{
    local name=$1 tries
    shift
    echo "$name"
    for tries in 1 2 3 4 5; do
        ports 1
        server "$name" systemd-socket-activate "${keep[@]}" -l "127.0.0.1:${PORTS[0]}" "$@"
        until_true 30 listens_or_gone
        gone "$pid" || return 0
    done
    echo "$name: no port"
    return 1
}
# Asked without a connection: that would start the service.
listens_or_gone() { gone "$pid" || [[ $(ss -Htln "sport = :${PORTS[0]}") ]]; }
# ask N: N connections, one after another, two lines on each
ask()
{
    local i word line
    for ((i = 0; i < $1; i++)); do
        exec 5<>"/dev/tcp/127.0.0.1/${PORTS[0]}" || return 1
        for word in one two; do
            echo "$word" >&5
            read -r -t 100 line <&5
            echo "$line"
        done
        exec 5>&-
    done
}
