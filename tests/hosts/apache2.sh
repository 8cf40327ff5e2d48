# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# apache2: the event and the prefork model, a graceful restart, a proxy whose clients leave.
what="event and prefork, 1,000 connections each, graceful restart, clients that leave while a slow backend is asked"
needs="/usr/sbin/apache2=apache2 ab=apache2-utils ss=iproute2"

work()
{
    local mpm
    for mpm in event prefork; do
        echo "$mpm"
        one "$mpm"
        rm -f "$DIR/stop"
    done
}
one()
{
    local main old
    ports 2
    mkdir -p "$DIR/www" "$DIR/rt-$1"
    echo hello >"$DIR/www/index.html"
    helper backend python3 "$HERE/backend.py" "${PORTS[1]}" "$DIR/stop"
    until_true 30 listens "${PORTS[1]}"
    cat >"$DIR/$1.conf" <<END
ServerRoot /etc/apache2
DefaultRuntimeDir $DIR/rt-$1
PidFile $DIR/rt-$1/pid
ErrorLog $DIR/rt-$1/log
ServerName localhost
Listen 127.0.0.1:${PORTS[0]}
$( ((EUID)) || printf 'User www-data\nGroup www-data\n')
LoadModule mpm_$1_module /usr/lib/apache2/modules/mod_mpm_$1.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
StartServers 2
DocumentRoot $DIR/www
ProxyPass /slow http://127.0.0.1:${PORTS[1]}/slow
END
    server "apache-$1" /usr/sbin/apache2 -DFOREGROUND -f "$DIR/$1.conf"
    main=$pid
    until_true 30 listens "${PORTS[0]}" || return 1
    requests 1000
    old=$(pgrep -P "$main" | head -n 1)
    kill -USR1 "$main"
    until_true 60 gone "$old"
    requests 200
    leave_closing "${PORTS[0]}" 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n' 3
    until_true 30 close_waits "${PORTS[0]}" 3 && echo "three in CLOSE_WAIT"
    look
    touch "$DIR/stop"
    until_true 60 none_waits
    stop "$main"
}
none_waits() { ! close_waits "${PORTS[0]}" 1; }
requests()
{
    ab -q -n "$1" -c 4 "http://127.0.0.1:${PORTS[0]}/" >"$DIR/ab.txt" 2>&1
    grep -E '^(Complete|Failed|Non-2xx) ' "$DIR/ab.txt"
}
