# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# haproxy: master and worker with two threads; a reload in which the new worker gets the listeners from the old one (SCM_RIGHTS).
what="master-worker, two threads, 2,000 connections, reload with passing of the listeners, clients that leave"
needs="haproxy=haproxy ab=apache2-utils ss=iproute2"

work()
{
    local main old
    ports 2
    helper backend python3 "$HERE/backend.py" "${PORTS[1]}" "$DIR/stop"
    until_true 30 listens "${PORTS[1]}"
    cat >"$DIR/haproxy.cfg" <<END
global
    stats socket $DIR/admin.sock mode 600 level admin expose-fd listeners
    nbthread 2
defaults
    mode http
    timeout connect 20s
    timeout client 60s
    timeout server 60s
frontend f
    bind 127.0.0.1:${PORTS[0]}
    http-request return status 200 content-type text/plain string "hello" if { path / }
    default_backend b
backend b
    server s 127.0.0.1:${PORTS[1]}
END
    server haproxy haproxy -W -db -f "$DIR/haproxy.cfg" -x "$DIR/admin.sock"
    main=$pid
    until_true 30 listens "${PORTS[0]}" || return 1
    requests / 2000
    requests /fast 100

    echo "reload"
    old=$(pgrep -P "$main")
    kill -USR2 "$main"
    until_true 60 gone "$old"
    until_true 60 pgrep -P "$main"
    until_true 60 listens "${PORTS[0]}"
    requests / 500
    look

    echo "clients leave"
    leave_closing "${PORTS[0]}" 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n' 5
    until_true 30 close_waits "${PORTS[0]}" 5 && echo "five in CLOSE_WAIT"
    look
    touch "$DIR/stop"
    until_true 60 no_close_wait
    requests / 100
    stop "$main"
}
requests()
{
    ab -q -n "$2" -c 8 "http://127.0.0.1:${PORTS[0]}$1" >"$DIR/ab.txt" 2>&1
    grep -E '^(Complete|Failed|Non-2xx) ' "$DIR/ab.txt"
}
no_close_wait() { ! close_waits "${PORTS[0]}" 1; }
