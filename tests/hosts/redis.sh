# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# redis: a master with I/O threads and a replica, a save in the background (fork), the benchmark, clients that leave while it is busy.
what="replication, BGSAVE, redis-benchmark with and without kept connections, clients that leave"
needs="redis-server=redis-server redis-cli=redis-tools redis-benchmark=redis-tools ss=iproute2"

work()
{
    local first second sleeper
    ports 2
    mkdir -p "$DIR/a" "$DIR/b"
    server first redis-server --port "${PORTS[0]}" --bind 127.0.0.1 --io-threads 2 --io-threads-do-reads yes --dir "$DIR/a" --repl-diskless-sync-delay 0 --save '' --enable-debug-command yes
    first=$pid
    until_true 30 answers 0 PONG PING || return 1
    server second redis-server --port "${PORTS[1]}" --bind 127.0.0.1 --dir "$DIR/b" --save '' --replicaof 127.0.0.1 "${PORTS[0]}"
    second=$pid
    until_true 60 answers 1 'master_link_status:up' INFO replication
    redis-benchmark -p "${PORTS[0]}" -q --csv -t set,get,lpush,mset -n 2000 -c 16 -r 100 </dev/null 2>/dev/null | cut -d, -f1
    redis-benchmark -p "${PORTS[0]}" -q --csv -k 0 -t set -n 500 -c 8 </dev/null 2>/dev/null | cut -d, -f1
    # In one connection: WAIT is about the writes of its own.
    printf 'SET key value\nWAIT 1 20000\n' | cli 0
    cli 1 GET key
    cli 0 BGSAVE
    until_true 60 answers 0 'rdb_bgsave_in_progress:0' INFO persistence
    answers 0 'rdb_last_bgsave_status:ok' INFO persistence && echo saved
    cli 0 BGREWRITEAOF
    until_true 60 answers 0 'aof_rewrite_in_progress:0' INFO persistence
    descriptors "master" "$first"
    descriptors "replica" "$second"
    look

    echo "clients leave"
    python3 - "${PORTS[0]}" <<'PY'
import socket, sys
s = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(6)]
for c in s:
    c.sendall(b"PING\r\n")
    assert c.recv(100) == b"+PONG\r\n"
s[0].sendall(b"DEBUG SLEEP 6\r\n")
for c in s[1:]: c.close()
PY
    until_true 30 close_waits "${PORTS[0]}" 5 && echo "five in CLOSE_WAIT"
    look
    until_true 60 answers 0 PONG PING
    echo "master: $(stop "$first")"
    echo "replica: $(stop "$second")"
}
cli()
{
    local port=${PORTS[$1]}
    shift
    redis-cli -p "$port" "$@"
}
answers() # WHICH REGEX COMMAND...
{
    local which=$1 regex=$2
    shift 2
    cli "$which" "$@" 2>/dev/null | grep -q "$regex"
}
