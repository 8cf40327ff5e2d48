# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# cpython: CPython's own tests, as Debian ships them, each test's outcome listed. A file with failures is run once more: what passes then has passed.
# test_multiprocessing_fork is left out: its outcomes are the same (376), but the file hangs at its end without the agent as well.
what="CPython's own tests of sockets, TLS, asyncio, processes, threads, signals"
needs="/usr/bin/python3=python3 /usr/lib/python3*/test/test_socket.py=libpython$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-testsuite ss=iproute2"

QUICK='test_selectors test_fork1 test_socketserver'
ALL="$QUICK test_select test_poll test_epoll test_wait4 test_socket test_ssl test_os test_subprocess test_posix test_threading test_thread test_httplib test_httpservers test_urllib2_localnet test_ftplib
    test_poplib test_smtplib test_imaplib test_xmlrpc test_signal test_popen test_pty test_openpty test_concurrent_futures
    test_asyncio.test_sock_lowlevel test_asyncio.test_streams test_asyncio.test_unix_events test_asyncio.test_subprocess test_asyncio.test_server
    test_asyncio.test_sendfile test_asyncio.test_events test_asyncio.test_sslproto test_asyncio.test_ssl test_docxmlrpc test_robotparser test_urllib test_urllib2 test_io test_fileio"

work()
{
    local tests=$ALL t again=() looked=
    [[ ${HOSTS_QUICK-} ]] && tests=$QUICK
    [[ ${CPYTHON_TESTS-} ]] && tests=$CPYTHON_TESTS
    # shellcheck disable=SC2086
    set -- $tests
    for t; do
        one "$t" first
    done
    for t; do
        grep -qE '^[^ ]+ (failed|error)|^the file' "$DIR/$t.first" && one "$t" second
    done
    for t; do
        echo "== $t"
        if [[ -e $DIR/$t.second ]]; then
            # An outcome that is better the second time counts.
            awk 'function rank(s) { return s == "ok" ? 3 : s == "skipped" ? 2 : 1 }
                 $1 != "the" { if (!($1 in best) || rank($2) > rank(best[$1])) best[$1] = $2 } END { for (k in best) print k, best[k] }' "$DIR/$t".first "$DIR/$t".second | sort
        else
            cat "$DIR/$t.first"
        fi
    done
}
# one TEST WHICH: its outcomes, one a line, in $DIR/TEST.WHICH
one()
{
    local under=$1
    [[ $1 == test_asyncio.* ]] && under=test.$1
    "${WITH[@]}" env PYTHONDONTWRITEBYTECODE=1 timeout -k 5 240 /usr/bin/python3 "$HERE/outcomes.py" "$under" "$DIR/$1.$2" >>"$DIR/$1.log" 2>&1 </dev/null &
    pid=$!
    STARTED+=("$pid")
    if [[ ! $looked ]]; then
        until_true 30 mapped && looked=1
        look
    fi
    wait "$pid" || echo "the file ended with $?" >>"$DIR/$1.$2"
}
mapped() { [[ $MODE == bare ]] || grep -qs "$LIB" "/proc/$pid/maps"; }
