# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# PostgreSQL: initdb, a process for each connection, a client that dies while its query runs, a backend that is killed.
what="initdb, pgbench with a connection for each transaction, a client that dies, a backend that is killed and the recovery from it"
needs="/usr/lib/postgresql/*/bin/postgres=postgresql psql=postgresql-client ss=iproute2"

work()
{
    local bin server client backend
    bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
    as_user postgres
    mkdir -p "$DIR/pg"
    ((EUID)) || chown postgres "$DIR/pg"
    ports 1
    cd "$DIR/pg" || return 1
    "${AS[@]}" "${WITH[@]}" "$bin/initdb" -D "$DIR/pg/db" -U postgres -A trust --no-sync >"$DIR/initdb.out" 2>"$DIR/initdb.err"
    echo "initdb: $?"
    with_user() { "${AS[@]}" "${WITH[@]}" "$@"; }
    with_user "$bin/postgres" -D "$DIR/pg/db" -p "${PORTS[0]}" -h 127.0.0.1 -k "$DIR/pg" -c fsync=off -c max_connections=20 -c shared_buffers=8MB >"$DIR/postgres.out" 2>"$DIR/postgres.err" </dev/null &
    server=$!
    STARTED+=("$server")
    until_true 60 sql 'select 1' || return 1
    server=$(head -n 1 "$DIR/pg/db/postmaster.pid")
    with "$bin/pgbench" -h 127.0.0.1 -p "${PORTS[0]}" -U postgres -i -q postgres >/dev/null 2>&1
    with "$bin/pgbench" -h 127.0.0.1 -p "${PORTS[0]}" -U postgres -C -c 3 -t 20 postgres 2>/dev/null | grep -E '^number of (transactions actually|failed)'
    with "$bin/pgbench" -h "$DIR/pg" -p "${PORTS[0]}" -U postgres -c 3 -j 2 -t 50 postgres 2>/dev/null | grep -E '^number of (transactions actually|failed)'
    sql 'select count(*), sum(aid) from pgbench_accounts'
    sql 'select count(*) from pgbench_history'
    descriptors postmaster "$server"

    echo "a client dies"
    server client psql -h 127.0.0.1 -p "${PORTS[0]}" -U postgres -c 'select pg_sleep(6)' postgres
    client=$pid
    until_true 30 sleeping
    kill -KILL "$client"
    until_true 30 close_waits "${PORTS[0]}" 1 && echo "one in CLOSE_WAIT"
    look
    until_true 60 none_waits

    echo "a backend is killed"
    server client psql -h 127.0.0.1 -p "${PORTS[0]}" -U postgres -c 'select pg_sleep(60)' postgres
    client=$pid
    until_true 30 sleeping
    backend=$(sql "select pid from pg_stat_activity where query like 'select pg_sleep%'")
    kill -KILL "$backend"
    until_true 30 gone "$client"
    until_true 60 sql 'select 1'
    sql 'select count(*) from pgbench_history'
    grep -c 'database system is ready to accept connections' "$DIR/postgres.err"
    look
    kill -INT "$server"
    until_true 60 gone "$server"
    grep -c 'database system is shut down' "$DIR/postgres.err"
}
sql() { with psql -h "$DIR/pg" -p "${PORTS[0]}" -U postgres -AtX -c "$1" postgres 2>/dev/null; }
sleeping() { [[ $(sql "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'") == 1 ]]; }
none_waits() { ! close_waits "${PORTS[0]}" 1; }
