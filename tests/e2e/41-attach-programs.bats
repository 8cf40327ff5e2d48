#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Well-known servers and runtimes are attached to under load; none of their requests fails.

load helpers

# cycles PID...: three times in and out, then in
cycles()
{
    local p
    for p in "$@"; do
        for _ in 1 2 3; do
            "$SOCKLEAK" attach --grace 1s "$p"
            "$SOCKLEAK" detach "$p"
        done
        "$SOCKLEAK" attach --grace 1s "$p"
    done
}

needs() { command -v "$1" >/dev/null || skip "no $1"; }

# reported PID REGEX: for wait_for
reported() { "$SOCKLEAK" report --min-age 0 --kinds all "$1" | grep -qE "$2"; }

@test "nginx: every worker, under requests that each open a connection" {
    needs nginx
    needs python3
    local port w n=0
    port=$(free_port)
    mkdir "$TESTTMP/www"
    cat >"$TESTTMP/nginx.conf" <<EOF
$([ "$(id -u)" != 0 ] || echo 'user root;')
worker_processes 2; daemon off; pid $TESTTMP/nginx.pid; error_log $TESTTMP/nginx.log;
events { worker_connections 256; }
http { access_log off; client_body_temp_path $TESTTMP/www; proxy_temp_path $TESTTMP/www; fastcgi_temp_path $TESTTMP/www; uwsgi_temp_path $TESTTMP/www; scgi_temp_path $TESTTMP/www;
  server { listen 127.0.0.1:$port; location / { return 200 "hello\n"; } } }
EOF
    start nginx nginx -c "$TESTTMP/nginx.conf"
    local master=$pid
    wait_for 20 bash -c "exec 5<>/dev/tcp/127.0.0.1/$port"
    cat >"$TESTTMP/load.py" <<'EOF'
import http.client, os, sys
n = 0
while not os.path.exists(sys.argv[2]):
    c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)
    c.request('GET', '/')
    assert c.getresponse().read() == b'hello\n'
    c.close()
    n += 1
    if n == 20: print('ready', flush=True)
print('fine')
EOF
    start load python3 "$TESTTMP/load.py" "$port" "$TESTTMP/stop"
    local load=$pid workers
    wait_for 20 grep -q ready "$TESTTMP/load.out"
    workers=$(pgrep -P "$master")
    # shellcheck disable=SC2086
    cycles $workers
    for w in $workers; do
        reported "$w" 'accept|open|nothing is stuck' && n=$((n + 1))
    done
    [ "$n" = 2 ]
    for w in $workers; do
        "$SOCKLEAK" detach "$w"
    done
    touch "$TESTTMP/stop"
    wait "$load"
    grep -q fine "$TESTTMP/load.out"
    stop "$master" QUIT
    [ ! -f "$TESTTMP/nginx.log" ] || lacks "$TESTTMP/nginx.log" 'signal|alert'
}

@test "redis: under redis-benchmark" {
    needs redis-server
    needs redis-benchmark
    local port
    port=$(free_port)
    start redis redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$TESTTMP"
    local server=$pid
    wait_for 20 bash -c "exec 5<>/dev/tcp/127.0.0.1/$port"
    start load redis-benchmark -p "$port" -q -t set,get -n 20000 -c 20
    local load=$pid
    cycles "$server"
    wait "$load"
    contains "$TESTTMP/load.out" 'GET: .*requests per second'
    lacks "$TESTTMP/load.out" '[Ee]rror'
    "$SOCKLEAK" detach "$server"
    stop "$server"
}

@test "PostgreSQL: a backend in the middle of its queries" {
    local bin
    bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
    [ "$bin" ] || skip "no PostgreSQL"
    local as=() port
    if [ "$(id -u)" = 0 ]; then
        id postgres >/dev/null 2>&1 || skip "no user postgres"
        as=(setpriv --reuid postgres --regid postgres --clear-groups)
        chmod 755 "$TESTTMP"
        mkdir "$TESTTMP/pg"
        chown -R postgres "$TESTTMP/pg" "$TESTTMP/run"
    else
        mkdir "$TESTTMP/pg"
    fi
    port=$(free_port)
    (cd / && "${as[@]}" "$bin/initdb" -D "$TESTTMP/pg/db" -U postgres -A trust --no-sync >"$TESTTMP/initdb.out" 2>&1)
    start postgres "${as[@]}" "$bin/postgres" -D "$TESTTMP/pg/db" -p "$port" -k "$TESTTMP/pg" -c fsync=off
    local server=$pid
    wait_for 30 psql -h "$TESTTMP/pg" -p "$port" -U postgres -c 'select 1' postgres
    "$bin/pgbench" -h "$TESTTMP/pg" -p "$port" -U postgres -i -q postgres >/dev/null 2>&1
    # psql ends with 0 only when every statement was fine
    # shellcheck disable=SC2016 # the inner shell's own
    echo 'set -o pipefail
        while [ ! -e "$1" ]; do
            echo "begin; update pgbench_accounts set abalance = abalance + 1 where aid = $((RANDOM + 1)); select sum(abalance) from pgbench_accounts where aid < 1000; end;"
        done | "${@:2}" -v ON_ERROR_STOP=1 -q -A -t && echo fine' >"$TESTTMP/load.sh"
    local load=() n
    for n in 1 2; do
        start "load$n" bash "$TESTTMP/load.sh" "$TESTTMP/stop" psql -h "$TESTTMP/pg" -p "$port" -U postgres postgres
        load+=("$pid")
    done
    backends() { [ "$(pgrep -c -P "$server" -f 'postgres: .*\[local\]')" = 2 ]; }
    wait_for 20 backends
    wait_for 20 test -s "$TESTTMP/load1.out"
    wait_for 20 test -s "$TESTTMP/load2.out"
    # shellcheck disable=SC2046
    cycles $(pgrep -P "$server" -f 'postgres: .*\[local\]')
    touch "$TESTTMP/stop"
    for n in 1 2; do
        wait "${load[n - 1]}"
        [ "$(tail -n 1 "$TESTTMP/load$n.out")" = fine ]
        is_empty "$TESTTMP/load$n.err"
    done
    stop "$server" INT
}

@test "python3: threads that serve and ask, sockets that it keeps" {
    needs python3
    start python python3 "$BATS_TEST_DIRNAME/../real/attached.py" "$TESTTMP/stop"
    wait_for 20 grep -q ready "$TESTTMP/python.out"
    cycles "$pid"
    wait_for 30 reported "$pid" 'stuck in CLOSE_WAIT'
    "$SOCKLEAK" detach "$pid"
    touch "$TESTTMP/stop"
    wait "$pid"
    contains "$TESTTMP/python.out" '^[0-9]+ fine$'
}

@test "node: a server and its clients in one loop" {
    needs node
    start node node "$BATS_TEST_DIRNAME/../real/attached.js" "$TESTTMP/stop"
    wait_for 20 grep -q ready "$TESTTMP/node.out"
    cycles "$pid"
    wait_for 30 reported "$pid" 'open|stuck'
    "$SOCKLEAK" detach "$pid"
    touch "$TESTTMP/stop"
    wait "$pid"
    contains "$TESTTMP/node.out" '^[0-9]+ fine$'
}

@test "java: compiled code, a busy thread, sockets that it keeps" {
    needs java
    start java java -Xmx128m "$BATS_TEST_DIRNAME/../real/Attached.java" "$TESTTMP/stop"
    wait_for 60 grep -q ready "$TESTTMP/java.out"
    cycles "$pid"
    wait_for 30 reported "$pid" 'stuck in CLOSE_WAIT'
    "$SOCKLEAK" detach "$pid"
    touch "$TESTTMP/stop"
    wait "$pid"
    contains "$TESTTMP/java.out" '^[0-9]+ fine$'
}
