#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output and $status come from bats
# 64-export: metrics and profiles of all processes: once, over HTTP, as a textfile, by OTLP; what consumers make of them.
#
# Whatever else runs on the machine is exported too: each test looks at programs of a name of its own.

bats_require_minimum_version 1.5.0
load helpers

exporter() { "$SOCKLEAK" export "$@" 3>&- 4>&-; }

# leaking PROGRAM COUNT: run_leak under that name, which keeps COUNT sockets in CLOSE_WAIT; $pid.
leaking()
{
    [ -e "$TESTTMP/$1" ] || cp "$VICTIMS/run_leak" "$TESTTMP/$1"
    mkfifo "$TESTTMP/in.$1" 2>/dev/null || :
    start "$1.$2" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=grace=100ms:interval=50ms:log_path=/dev/null \
        sh -c 'exec "$1" "$2" wait <>"$3"' _ "$TESTTMP/$1" "$2" "$TESTTMP/in.$1"
    wait_for 30 grep -q ready "$TESTTMP/$1.$2.out"
}

# stuck PROGRAM COUNT: the metrics say so of $pid. For wait_for.
stuck() { exporter | grep -qE "^sockleak_stuck_sockets\{kind=\"close_wait\",.*,exe=\"$TESTTMP/$1\",pid=\"$pid\"(,[^}]*)?\} $2\$"; }

# listening WORD...: an exporter on a free port; its address in $at, its number in $pid.
listening()
{
    start listener "$SOCKLEAK" export --listen 127.0.0.1:0 "$@"
    at=$(port_of listener)
}

# a dead process' state file of SITES sites, under a program's name of its own: many_sites SITES
many_sites()
{
    mkdir -p -m 700 "$XDG_RUNTIME_DIR/sockleak"
    cp "$VICTIMS/report_statefile" "$TESTTMP/many"
    "$TESTTMP/many" "$XDG_RUNTIME_DIR/sockleak/4194000.77.sockleak" "$1" 2
}

@test "a leak is a metric with its call site, and the kernel's view stands beside it" {
    leaking app 3
    wait_for 20 stuck app 3
    run exporter
    [ "$status" -eq 0 ]
    printf '%s\n' "$output" >"$TESTTMP/metrics"
    contains "$output" "^sockleak_stuck_sockets\{kind=\"close_wait\",site=\"[0-9a-f]{16}\",function=\"db_connect\",file=\"tests/victims/run_leak.c:[0-9]+\",exe=\"$TESTTMP/app\",pid=\"$pid\"\} 3\$"
    contains "$output" "^sockleak_open_sockets\{exe=\"$TESTTMP/app\",pid=\"$pid\"\} 3\$"
    contains "$output" "^sockleak_sockets_opened_total\{site=\"[0-9a-f]{16}\",function=\"db_connect\",file=\"tests/victims/run_leak.c:[0-9]+\",exe=\"$TESTTMP/app\"\} 3\$"
    contains "$output" "^sockleak_sockets_closed_total\{.*function=\"db_connect\".*exe=\"$TESTTMP/app\"\} 0\$"
    contains "$output" "^sockleak_descriptors\{exe=\"$TESTTMP/app\",pid=\"$pid\"\} [0-9]+\$"
    contains "$output" "^sockleak_descriptors_limit\{exe=\"$TESTTMP/app\",pid=\"$pid\"\} $(ulimit -Sn)\$"
    contains "$output" "^sockleak_kernel_sockets\{state=\"CLOSE_WAIT\",exe=\"$TESTTMP/app\",pid=\"$pid\"\} 3\$"
    contains "$output" "^sockleak_stuck_sockets_by_peer\{peer=\"127.0.0.1:[0-9]+\",exe=\"$TESTTMP/app\",pid=\"$pid\"\} 3\$"
    contains "$output" '^sockleak_exporter_scrape_seconds [0-9.e-]+$'
    contains "$output" '^# UNIT sockleak_stuck_sockets sockets$'
    [ "$(tail -n 1 "$TESTTMP/metrics")" = '# EOF' ]
    # no series twice
    [ "$(grep -v '^#' "$TESTTMP/metrics" | sed 's/ [^ ]*$//' | sort | uniq -d | wc -l)" -eq 0 ]
}

@test "promtool takes the metrics, the rules and the rules' own tests" {
    command -v promtool >/dev/null || skip 'promtool is missing (prometheus)'
    leaking app 2
    wait_for 20 stuck app 2
    exporter | promtool check metrics
    promtool check config "$TOP/examples/deploy/prometheus.yml"
    cd "$TOP/examples/deploy"
    promtool test rules sockleak.test.yml
}

@test "a process without the agent is counted from the kernel's tables" {
    cp "$VICTIMS/run_leak" "$TESTTMP/bare"
    mkfifo "$TESTTMP/in"
    start bare sh -c 'exec "$1" 4 wait <>"$2"' _ "$TESTTMP/bare" "$TESTTMP/in"
    wait_for 20 grep -q ready "$TESTTMP/bare.out"
    run exporter
    contains "$output" "^sockleak_kernel_sockets\{state=\"CLOSE_WAIT\",exe=\"$TESTTMP/bare\",pid=\"$pid\"\} 4\$"
    lacks "$output" "^sockleak_(stuck|open).*$TESTTMP/bare"
}

@test "over HTTP there are both formats, a table, a profile, and nothing to change" {
    leaking 'a<b' 2
    local app=$pid
    wait_for 20 stuck 'a<b' 2
    listening
    get() { curl -s -m 60 "$@"; }
    code() { get -o /dev/null -w '%{http_code}' "$@"; }
    get -D "$TESTTMP/head" "http://$at/metrics" >"$TESTTMP/open"
    contains "$TESTTMP/head" '^Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8'
    contains "$TESTTMP/open" '^# TYPE sockleak_sockets_opened counter$'
    contains "$TESTTMP/open" "^sockleak_stuck_sockets\{.*pid=\"$app\"\} 2\$"
    [ "$(tail -n 1 "$TESTTMP/open")" = '# EOF' ]
    get -D "$TESTTMP/head" -H 'Accept: text/plain' "http://$at/metrics" >"$TESTTMP/older"
    contains "$TESTTMP/head" '^Content-Type: text/plain; version=0.0.4; charset=utf-8'
    contains "$TESTTMP/older" '^# TYPE sockleak_sockets_opened_total counter$'
    lacks "$TESTTMP/older" '# EOF'
    [ "$(get "http://$at/healthz")" = ok ]
    contains "$(get -I "http://$at/metrics")" '^HTTP/1.1 200'
    contains "$(get "http://$at/")" 'a&lt;b<td'
    lacks "$(get "http://$at/")" 'a<b'
    contains "$(get "http://$at/")" 'opened by .*\(thread [0-9]+ &quot;a&lt;b&quot;'
    get "http://$at/debug/pprof/sockets" | gzip -t
    [ "$(code "http://$at/nothing")" = 404 ]
    [ "$(code "http://$at/metrics/")" = 404 ]
    [ "$(code -X POST -d x "http://$at/metrics")" = 405 ]
    [ "$(code -X DELETE "http://$at/metrics")" = 405 ]
    contains "$(get -X PUT -D - "http://$at/")" '^Allow: GET, HEAD'
    [[ "$(code "http://$at/$(printf 'a%.0s' {1..60000})")" == 4?? ]]
    [ "$(get "http://$at/healthz")" = ok ]
    stop "$pid"
}

@test "clients that stall or send rubbish do not hold up the others, and SIGTERM ends it" {
    listening
    python3 - "$at" <<'PY'
import socket, sys, urllib.request
host, port = sys.argv[1].rsplit(":", 1)
socks = []
for text in (b"", b"GET ", b"GET /metrics HTTP/1.1\r\nHost: x\r\n", b"\0\xff" * 1000, b"GET /" + b"a" * 20000, b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nx",
             b"\r\n" * 3, b"GET / HTTP/9.9\r\n\r\n") * 4:
    s = socket.create_connection((host, int(port)))
    s.send(text)
    socks.append(s)
assert urllib.request.urlopen(f"http://{sys.argv[1]}/healthz", timeout=20).read() == b"ok\n"
# one that asks for the metrics and goes away
s = socket.create_connection((host, int(port)))
s.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
s.close()
assert urllib.request.urlopen(f"http://{sys.argv[1]}/healthz", timeout=20).read() == b"ok\n"
PY
    stop "$pid"
    is_empty "$TESTTMP/listener.err"
}

@test "it listens on IPv6 too, and takes the socket that systemd hands over" {
    if [ -e /proc/sys/net/ipv6 ] && python3 -c 'import socket; socket.create_server(("::1", 0), family=socket.AF_INET6)' 2>/dev/null; then
        start v6 "$SOCKLEAK" export --listen '[::1]:0'
        contains "$(port_of v6)" '^\[::1\]:[0-9]+$'
        [ "$(curl -s -m 60 -g "http://$(port_of v6)/healthz")" = ok ]
    fi
    cat >"$TESTTMP/hand.py" <<'PY'
import os, socket, sys
s = socket.create_server(("127.0.0.1", 0))
s.set_inheritable(True)
os.dup2(s.fileno(), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[1])
os.execv(sys.argv[2], [sys.argv[2], "export"])
PY
    start handed python3 "$TESTTMP/hand.py" 1 "$SOCKLEAK"
    [ "$(curl -s -m 60 "http://$(port_of handed)/healthz")" = ok ]
    stop "$pid"
    run python3 "$TESTTMP/hand.py" 2 "$SOCKLEAK" 3>&-
    [ "$status" -eq 1 ]
    [ "$output" = 'sockleak export: systemd has handed over 2 sockets; it serves one' ]
}

@test "counters go on when a process ends, when its program starts again, and when the exporter does" {
    opened() { exporter | sed -n "s|^sockleak_sockets_opened_total{.*function=\"db_connect\".*exe=\"$TESTTMP/app\"} ||p"; }
    leaking app 2
    wait_for 20 stuck app 2
    [ "$(opened)" = 2 ]
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    rm "$XDG_RUNTIME_DIR"/sockleak/*.sockleak
    [ "$(opened)" = 2 ]
    leaking app 3
    wait_for 20 stuck app 3
    [ "$(opened)" = 5 ]
    [ "$(opened)" = 5 ]
    # a damaged file is put aside, with one line
    echo rubbish >"$XDG_RUNTIME_DIR/sockleak/export.counters"
    run --separate-stderr exporter
    [ "$status" -eq 0 ]
    contains "$stderr" "export.counters: not a file of counters, or of another version; kept as .*export.counters.bad, the counters begin anew"
    [ "$(cat "$XDG_RUNTIME_DIR/sockleak/export.counters.bad")" = rubbish ]
    [ "$(opened)" = 3 ]
}

@test "more sites than --max-sites are one, and nothing is lost" {
    many_sites 9
    run exporter --max-sites 4
    many=$(grep "exe=\"$TESTTMP/many\"" <<<"$output")
    [ "$(grep -c '^sockleak_stuck_sockets{' <<<"$many")" -eq 5 ]
    contains "$many" '^sockleak_stuck_sockets\{kind="close_wait",site="other",function="",file="",.*\} 10$'
    [ "$(grep -c '^sockleak_sockets_opened_total{' <<<"$many")" -eq 5 ]
    local sum
    sum=$(sed -n 's/^sockleak_sockets_opened_total{.*} //p' <<<"$many" | paste -sd+ | bc 2>/dev/null || sed -n 's/^sockleak_sockets_opened_total{.*} //p' <<<"$many" | awk '{n += $1} END {print n}')
    run exporter --max-sites 4
    [ "$(sed -n "s|^sockleak_sockets_opened_total{.*exe=\"$TESTTMP/many\".*} ||p" <<<"$output" | awk '{n += $1} END {print n}')" -eq "$sum" ]
}

@test "the textfile is replaced at each interval, and whole at any time" {
    leaking app 1
    wait_for 20 stuck app 1
    start textfile "$SOCKLEAK" export --textfile "$TESTTMP/out.prom" --interval 100ms
    local exporter=$pid first
    wait_for 20 test -s "$TESTTMP/out.prom"
    first=$(stat -c %i "$TESTTMP/out.prom")
    other() { [ "$(stat -c %i "$TESTTMP/out.prom")" != "$first" ]; }
    wait_for 20 other
    [ "$(tail -n 1 "$TESTTMP/out.prom")" = '# EOF' ]
    contains "$TESTTMP/out.prom" '^# TYPE sockleak_sockets_opened_total counter$'
    [ "$(stat -c %a "$TESTTMP/out.prom")" = 644 ]
    stop "$exporter"
    [ "$(echo "$TESTTMP"/out.prom*)" = "$TESTTMP/out.prom" ]
}

@test "an OpenTelemetry collector gets them, also when it is busy at first" {
    "$SOCKLEAK" export --otlp x 2>&1 | grep -q 'built without' && skip 'built without protobuf-c'
    leaking app 2
    wait_for 20 stuck app 2
    cat >"$TESTTMP/collector.py" <<'PY'
import http.server, sys
answers = [503, 200]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = answers.pop(0) if answers else 200
        if status == 200:
            open(sys.argv[1] + ".new", "wb").write(body)
            import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
            print(self.path, self.headers["Content-Type"], flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print("listening on", server.server_port, flush=True)
server.serve_forever()
PY
    start collector python3 "$TESTTMP/collector.py" "$TESTTMP/body"
    local collector
    collector=$(port_of collector)
    start push "$SOCKLEAK" export --otlp "http://127.0.0.1:$collector" --interval 2s
    local push=$pid
    wait_for 30 test -s "$TESTTMP/body"
    contains "$TESTTMP/collector.out" '^/v1/metrics application/x-protobuf$'
    stop "$push"
    grep -qa sockleak_stuck_sockets "$TESTTMP/body"
    command -v protoc >/dev/null || skip 'protoc is missing (protobuf-compiler): the rest was tried'
    protoc --decode=otlp.ExportMetricsServiceRequest -I"$TOP/lib/cli/export" otlp.proto <"$TESTTMP/body" >"$TESTTMP/decoded"
    contains "$TESTTMP/decoded" 'string_value: "app"'
    contains "$TESTTMP/decoded" 'key: "process.pid"'
    contains "$TESTTMP/decoded" 'aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE'
    contains "$TESTTMP/decoded" 'string_value: "db_connect"'
}

@test "go tool pprof reads the profile, and the difference of two" {
    command -v go >/dev/null || skip 'go is missing (golang-go)'
    "$SOCKLEAK" report --format pprof "$TESTTMP" 2>&1 | grep -q 'built without' && skip 'built without protobuf-c'
    export HOME=$TESTTMP PPROF_TMPDIR=$TESTTMP
    leaking app 2
    wait_for 20 stuck app 2
    "$SOCKLEAK" report --format pprof "$pid" >"$TESTTMP/before.pb.gz"
    leaking more 5
    wait_for 20 stuck more 5
    listening
    curl -s -m 60 -o "$TESTTMP/after.pb.gz" "http://$at/debug/pprof/sockets"
    run go tool pprof -top -tagfocus="exe=$TESTTMP/more" "$TESTTMP/after.pb.gz"
    [ "$status" -eq 0 ]
    contains "$output" '^Type: stuck$'
    contains "$output" '^ +5 .* 5 .* db_connect$'
    run go tool pprof -top -lines -sample_index=stuck -tagfocus="exe=$TESTTMP/(more|app)" -base "$TESTTMP/before.pb.gz" "$TESTTMP/after.pb.gz"
    contains "$output" '^ +5 .* db_connect .*tests/victims/run_leak.c:[0-9]+$'
    contains "$(go tool pprof -tags "$TESTTMP/before.pb.gz")" 'kind: Total 2'
    contains "$(go tool pprof -sample_index=age -top "$TESTTMP/before.pb.gz")" '^Type: age$'
}

@test "what cannot be done is said in one line" {
    local port
    one_line()
    {
        [ "${#lines[@]}" -eq 1 ]
        contains "$output" "$1"
    }
    run exporter --once --listen 127.0.0.1:0
    [ "$status" -eq 2 ]
    one_line 'export: --once and --listen: one form at a time'
    local bad
    for bad in '' 9842 :9842 127.0.0.1 127.0.0.1: 127.0.0.1:65536 127.0.0.1:x ::1:80 '[::1]' '[::1:80' nowhere.example:80; do
        run exporter --listen "$bad"
        [ "$status" -eq 2 ]
        one_line 'not an address and port; write 127.0.0.1:9842'
    done
    listening
    run exporter --listen "$at"
    [ "$status" -eq 1 ]
    one_line "cannot listen on $at: Address already in use; choose another port"
    run exporter --textfile "$TESTTMP/none/x.prom"
    [ "$status" -eq 1 ]
    one_line "cannot write $TESTTMP/none/x.prom: No such file or directory"
    run exporter --otlp https://collector.example
    [ "$status" -eq 2 ]
    one_line 'TLS is not spoken here; post to a collector or proxy on this host'
    run exporter --interval 5s
    [ "$status" -eq 2 ]
    one_line -- 'interval is for --textfile and --otlp'
    run exporter --max-sites 0
    [ "$status" -eq 2 ]
    run exporter 4242
    [ "$status" -eq 2 ]
    run env SOCKLEAK_OPTIONS=suppressions=/none "$SOCKLEAK" export
    [ "$status" -eq 1 ]
    one_line 'cannot read the suppressions file /none'
}

@test "systemd takes the exporter's units without a word" {
    command -v systemd-analyze >/dev/null || skip 'systemd-analyze is missing (systemd)'
    mkdir "$TESTTMP/units"
    cp "$TOP"/examples/deploy/sockleak-export.* "$TESTTMP/units/"
    sed -i "s|/usr/bin/sockleak|/bin/true|" "$TESTTMP/units/sockleak-export.service"
    run env SYSTEMD_UNIT_PATH="$TESTTMP/units:" systemd-analyze verify --man=no "$TESTTMP/units/sockleak-export.service" "$TESTTMP/units/sockleak-export.socket"
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}
