# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# cpython: CPython's own tests, as Debian ships them, each test's outcome listed, four files at a time. A file with failures is run once more, alone: what passes
# then has passed.
what="CPython's own tests of sockets, TLS, asyncio, processes, threads, signals"
needs="/usr/bin/python3=python3 /usr/lib/python3*/test/test_socket.py=libpython$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-testsuite ss=iproute2"
limit=1800

QUICK='test_selectors test_fork1 test_socketserver'
# The longest ones first. Of test_asyncio every file, below.
ALL="test_multiprocessing_spawn test_concurrent_futures test_multiprocessing_forkserver test_multiprocessing_fork test_ssl test_socket test_subprocess test_imaplib test_xmlrpc test_signal test_io test_fileio $QUICK
    test_select test_poll test_epoll test_wait4 test_os test_posix test_threading test_thread test_httplib test_httpservers test_urllib2_localnet
    test_ftplib test_poplib test_smtplib test_popen test_pty test_openpty test_docxmlrpc test_robotparser test_urllib test_urllib2 test_urllib2net
    test_nntplib test_telnetlib test_asyncore test_asynchat test_smtpd test_queue test_timeout test_multiprocessing_main_handling"

work()
{
    local tests=$ALL t f
    # test_socket.py: socket.close(sock.fileno()), sock.close(), which must raise; socket.socket(fileno=sock.fileno()).close(), sock.close(), which may
    expect use_after_close '; closed close GeneralModuleTests\.test_socket_close<' 'the test closes the number below a socket, and then the socket'
    expect use_after_close '; closed close [^;]*<GeneralModuleTests\.testCloseException<' 'the test closes two objects of one number'
    for f in /usr/lib/python3*/test/test_asyncio/test_*.py; do f=${f##*/} && tests+=" test_asyncio.${f%.py}"; done
    # test_ssl.py: ss.close(), os.read(fd, 0), which must raise
    expect use_after_close '; closed close [^;]*<SimpleBackgroundTests\.test_makefile_close<[^;]* ; used read EBADF SimpleBackgroundTests\.test_makefile_close<' \
        'the test reads to see that the number is closed'
    # test_signal.py, test_send_error: write.close() of what set_wakeup_fd was given, and a signal, which must tell that it could not write
    expect use_after_close 'opened by socketpair<<module> ; closed close [^;]*<<module> ; used write EBADF _Py_write_noraise<' 'the test closes the wakeup descriptor, and raises a signal'
    [[ ${HOSTS_QUICK-} ]] && tests=$QUICK
    [[ ${CPYTHON_TESTS-} ]] && tests=$CPYTHON_TESTS
    # shellcheck disable=SC2086
    set -- $tests
    for t; do
        while (($(jobs -rp | wc -l) >= 4)); do wait -n; done
        one "$t" first &
        STARTED+=("$!")
        [[ $t == "$1" ]] && until_true 30 mapped && look
    done
    wait
    for t; do
        grep -qE '^[^ ]+ (failed|error)|^the file' "$DIR/$t.first" && one "$t" second
    done
    for t; do
        echo "== $t"
        if [[ -e $DIR/$t.second ]]; then
            best_of "$DIR/$t.first" "$DIR/$t.second"
            grep -h '^the file' "$DIR/$t.second"
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
    "${WITH[@]}" env PYTHONDONTWRITEBYTECODE=1 timeout -k 5 600 /usr/bin/python3 "$HERE/outcomes.py" "$under" "$DIR/$1.$2" >>"$DIR/$1.log" 2>&1 </dev/null ||
        echo "the file ended with $?" >>"$DIR/$1.$2"
}
mapped() { [[ $MODE == bare ]] || grep -qs "$LIB" /proc/[0-9]*/maps; }
