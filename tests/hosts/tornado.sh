# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# tornado: the tests of the tornado web server as Debian ships them: an event loop's servers and clients, libcurl's among them, in one process and in
# forked ones; each test's outcome listed. What fails is run once more: what passes then has passed. Left out: a test that gives a TLS handshake 0.1 s, and on a
# busy machine fails bare too.
what="tornado's own tests: event loop, streams, HTTP and WebSocket servers and clients, libcurl, forked servers"
needs="/usr/bin/python3=python3 /usr/lib/python3/dist-packages/tornado/test/runtests.py=python3-tornado /usr/lib/python3/dist-packages/pycurl*.so=python3-pycurl ss=iproute2"

work()
{
    local looked=
    # tornado/test/iostream_test.py: os.close(server.socket.fileno()), server.read_bytes(1), which must raise, server.close()
    expect use_after_close '; closed close TestIOStreamMixin\.test_inline_read_error<' 'the test closes the number below a stream, which it then reads and closes'
    one first
    grep -qE ' (failed|error)$|^the file' "$DIR/first" && one second
    best_of "$DIR/first" "$DIR/second" | grep -v '^[^ ]*\.SimpleHTTPSClientTestCase\.test_request_timeout '
    tail -n 1 "$DIR/first" "$DIR/second" 2>/dev/null | grep '^the file'
}
# one WHICH: the outcomes, one a line, in $DIR/WHICH
one()
{
    "${WITH[@]}" env PYTHONDONTWRITEBYTECODE=1 ASYNC_TEST_TIMEOUT=60 NO_NETWORK=1 timeout -k 5 240 /usr/bin/python3 "$HERE/outcomes.py" tornado.test.runtests.all "$DIR/$1" >>"$DIR/tests.log" 2>&1 </dev/null &
    pid=$!
    STARTED+=("$pid")
    if [[ ! $looked ]]; then
        until_true 60 busy && looked=1
        look
    fi
    wait "$pid" || echo "the file ended with $?" >>"$DIR/$1"
}
# It is in the middle of its tests.
busy() { (($(wc -l <"$DIR/tests.log") > 300)); }
