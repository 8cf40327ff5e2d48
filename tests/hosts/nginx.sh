# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# nginx: a master and two workers, a reload and an upgrade of the binary under load, clients that leave while a slow backend is asked.
what="workers, 2,000 requests on connections of their own, reload, upgrade of the binary, clients that leave"
needs="nginx=nginx-light ab=apache2-utils ss=iproute2"

work()
{
    local main master old
    ports 2
    mkdir -p "$DIR/www"
    helper backend python3 "$HERE/backend.py" "${PORTS[1]}" "$DIR/stop"
    cat >"$DIR/nginx.conf" <<END
$( ((EUID)) || echo 'user root;')
worker_processes 2; pid $DIR/nginx.pid; error_log $DIR/nginx.log;
events { worker_connections 512; }
http { access_log off; client_body_temp_path $DIR/www; proxy_temp_path $DIR/www; fastcgi_temp_path $DIR/www; uwsgi_temp_path $DIR/www; scgi_temp_path $DIR/www;
  server { listen 127.0.0.1:${PORTS[0]}; location / { return 200 "hello\n"; }
    location /slow { proxy_pass http://127.0.0.1:${PORTS[1]}; proxy_ignore_client_abort on; } location /fast { proxy_pass http://127.0.0.1:${PORTS[1]}; } } }
END
    until_true 30 listens "${PORTS[1]}"
    # As a daemon: nginx upgrades its binary only then.
    client nginx "$(command -v nginx)" -c "$DIR/nginx.conf"
    until_true 30 listens "${PORTS[0]}" || return 1
    until_true 30 test -s "$DIR/nginx.pid"
    main=$(cat "$DIR/nginx.pid")
    STARTED+=("$main")
    requests 2000
    curl -s "http://127.0.0.1:${PORTS[0]}/fast" "http://127.0.0.1:${PORTS[0]}/fast"

    echo "reload"
    old=$(pgrep -P "$main" | sort | tr '\n' ' ')
    kill -HUP "$main"
    until_true 30 others_than "$main" "$old"
    requests 500
    descriptors "master" "$main"

    echo "clients leave"
    leave_closing "${PORTS[0]}" 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n' 5
    until_true 30 close_waits "${PORTS[0]}" 5
    look
    touch "$DIR/stop"
    until_true 30 no_close_wait "${PORTS[0]}"

    echo "upgrade"
    kill -USR2 "$main"
    until_true 30 test -s "$DIR/nginx.pid.oldbin"
    until_true 30 test -s "$DIR/nginx.pid"
    master=$(cat "$DIR/nginx.pid")
    STARTED+=("$master")
    until_true 30 pgrep -P "$master"
    kill -WINCH "$main"
    until_true 30 childless "$main" "$master"
    requests 500
    descriptors "new master" "$master"
    look
    kill -QUIT "$main"
    until_true 30 gone "$main"
    requests 200
    kill -QUIT "$master"
    until_true 30 gone "$master"
    grep -cE '\[(alert|crit|emerg)\]' "$DIR/nginx.log"
}
requests()
{
    ab -q -n "$1" -c 8 "http://127.0.0.1:${PORTS[0]}/" >"$DIR/ab.txt" 2>&1
    grep -E '^(Complete|Failed|Non-2xx) ' "$DIR/ab.txt"
}
no_close_wait() { ! close_waits "$1" 1; }
others_than() # MASTER "OLD WORKERS ": two new workers, the old ones gone
{
    local p now
    now=$(pgrep -P "$1" | sort)
    (($(wc -l <<<"$now") == 2)) || return 1
    for p in $2; do grep -qx "$p" <<<"$now" && return 1; done
    return 0
}
childless() { [[ $(pgrep -P "$1") == "" || $(pgrep -P "$1") == "$2" ]]; }
