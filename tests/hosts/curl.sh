# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# curl: HTTP, HTTPS and HTTP/2, one by one and in parallel (multi), against a bare nginx; failures of each kind.
what="HTTP, HTTPS, HTTP/2, 40 transfers in parallel, failed connections, a server that closes"
needs="curl=curl nginx=nginx-light openssl=openssl"

work()
{
    local url urls=() i
    ports 3
    mkdir -p "$DIR/www"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/k.pem" -out "$DIR/c.pem" -days 2 -subj /CN=localhost 2>/dev/null
    head -c 200000 /dev/zero | tr '\0' y >"$DIR/www/big"
    cat >"$DIR/nginx.conf" <<END
$( ((EUID)) || echo 'user root;')
worker_processes 1; daemon off; pid $DIR/nginx.pid; error_log $DIR/nginx.log;
events { worker_connections 512; }
http { access_log off; client_body_temp_path $DIR/www; proxy_temp_path $DIR/www; fastcgi_temp_path $DIR/www; uwsgi_temp_path $DIR/www; scgi_temp_path $DIR/www;
  server { listen 127.0.0.1:${PORTS[0]}; listen 127.0.0.1:${PORTS[1]} ssl http2; ssl_certificate $DIR/c.pem; ssl_certificate_key $DIR/k.pem;
    root $DIR/www; location = / { return 200 "hello\n"; } location /cut { return 444; } } }
END
    helper nginx nginx -c "$DIR/nginx.conf"
    until_true 30 listens "${PORTS[0]}" || return 1
    for url in "http://127.0.0.1:${PORTS[0]}" "https://127.0.0.1:${PORTS[1]}"; do
        with curl -sk "$url/"
        with curl -sk "$url/" "$url/" "$url/big" | cksum
        with curl -sk --http1.1 "$url/big" | cksum
        for ((i = 0; i < 40; i++)); do urls+=("$url/big" -o /dev/null); done
        with curl -skZ --no-progress-meter --parallel-max 10 -w '%{http_version} %{http_code} %{size_download}\n' "${urls[@]}" | sort | uniq -c
        urls=()
        with curl -sk "$url/cut"
        echo "cut: $?"
    done
    with curl -s "http://127.0.0.1:${PORTS[2]}/"
    echo "refused: $?"
    with curl -s http://no.such.host.invalid/
    echo "unknown: $?"
    with curl -s --max-time 1 --connect-timeout 1 "telnet://127.0.0.1:${PORTS[0]}" </dev/null
    echo "telnet: $?"
    # One that waits for its answer, to be looked at.
    helper backend python3 "$HERE/backend.py" "${PORTS[2]}" "$DIR/stop"
    until_true 30 listens "${PORTS[2]}"
    server waits curl -s "http://127.0.0.1:${PORTS[2]}/slow"
    until_true 30 connected "${PORTS[2]}"
    descriptors curl "$pid"
    look
    touch "$DIR/stop"
    until_true 60 gone "$pid"
    cat "$DIR/waits.out"
}
connected() { ss -Htnp state established "dport = :$1" | grep -q "pid=$pid,"; }
