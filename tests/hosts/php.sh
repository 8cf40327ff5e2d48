# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# php: the command with streams and fibers, and php-fpm with two workers behind a bare nginx.
what="php with streams, pairs, fibers and curl; php-fpm: 200 requests, a reload, a socket that a worker keeps"
needs="php=php-cli /usr/lib/php/*/curl.so=php-curl /usr/sbin/php-fpm*=php-fpm nginx=nginx-light ab=apache2-utils"

work()
{
    local fpm fpm_bin as=()
    ports 2
    with php "$HERE/php.php" "${PORTS[1]}" 2>>"$DIR/php.err"
    mkdir -p "$DIR/www"
    echo '<?php echo array_sum(range(1, 100)), "\n";' >"$DIR/www/index.php"
    cat >"$DIR/www/keep.php" <<'END'
<?php $l = stream_socket_server('tcp://127.0.0.1:0'); $c = pfsockopen('127.0.0.1', (int)explode(':', stream_socket_get_name($l, false))[1]); fclose(stream_socket_accept($l)); echo "kept\n";
END
    cat >"$DIR/fpm.conf" <<END
[global]
error_log = $DIR/fpm.log
daemonize = no
[w]
listen = $DIR/fpm.sock
$( ((EUID)) || printf 'user = root\ngroup = root\n')
pm = static
pm.max_children = 2
END
    fpm_bin=$(compgen -G '/usr/sbin/php-fpm*' | head -n 1)
    ((EUID)) || as=(-R)
    server fpm "$fpm_bin" "${as[@]}" -n -y "$DIR/fpm.conf"
    fpm=$pid
    until_true 30 test -S "$DIR/fpm.sock" || return 1
    cat >"$DIR/nginx.conf" <<END
$( ((EUID)) || echo 'user root;')
worker_processes 1; daemon off; pid $DIR/nginx.pid; error_log $DIR/nginx.log;
events { worker_connections 128; }
http { access_log off; client_body_temp_path $DIR/www; proxy_temp_path $DIR/www; fastcgi_temp_path $DIR/www; uwsgi_temp_path $DIR/www; scgi_temp_path $DIR/www;
  server { listen 127.0.0.1:${PORTS[0]}; root $DIR/www; location ~ \\.php\$ { fastcgi_pass unix:$DIR/fpm.sock; include /etc/nginx/fastcgi.conf; } } }
END
    helper nginx nginx -c "$DIR/nginx.conf"
    until_true 30 listens "${PORTS[0]}" || return 1
    curl -s "http://127.0.0.1:${PORTS[0]}/index.php"
    requests 200
    kill -USR2 "$fpm"
    until_true 30 answers
    requests 100
    curl -s "http://127.0.0.1:${PORTS[0]}/keep.php"
    look
    kill -QUIT "$fpm"
    until_true 30 gone "$fpm"
}
answers() { [[ $(curl -s "http://127.0.0.1:${PORTS[0]}/index.php") == 5050 ]]; }
requests()
{
    ab -q -n "$1" -c 4 "http://127.0.0.1:${PORTS[0]}/index.php" >"$DIR/ab.txt" 2>&1
    grep -E '^(Complete|Failed|Non-2xx) ' "$DIR/ab.txt"
}
