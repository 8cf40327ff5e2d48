#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output and $status come from bats
# 66-fleet: a leaking fleet and those that watch it: a Prometheus that scrapes the exporter and runs our alerts, and node_exporter.
#
# Whatever else runs on the machine is exported too: what is asked is asked of the test's own processes, by their numbers.

bats_require_minimum_version 1.5.0
load helpers

OPTIONS=grace=100ms:interval=1s:log_path=/dev/null

# listens NAME: where the server $pid listens, of those that do not say so; its address in $at.
listens()
{
    found() { at=$(ss -Hltnp | sed -n "s/^[^ ]* *[^ ]* *[^ ]* *\(127\.0\.0\.1:[0-9]*\) .*pid=$pid,.*/\1/p" | head -n 1) && [ "$at" ]; }
    wait_for 60 found && found || { tail -n 5 "$TESTTMP/$1.err"; return 1; } # again: it may have ended meanwhile
}

# ---- the fleet: two of LOGIN, which leaks, four C clients and four Python services that are in order -----------------------------------------------------

# login NUMBER: into $logins and $fleet. A soft limit of 1024 descriptors is the usual one.
login()
{
    [ -p "$TESTTMP/in.$1" ] || mkfifo "$TESTTMP/in.$1"
    # shellcheck disable=SC2016 # the inner shell's own
    start_agent "login.$1" "$OPTIONS" sh -c 'ulimit -Sn 1024 && exec "$0" "$1" <>"$2"' "$TESTTMP/login" "$peer" "$TESTTMP/in.$1"
    logins+=("$pid") fleet+=("$pid")
}

# leak COUNT: each login program makes so many logins more; $total of both.
leak()
{
    local i
    total=$((total + 2 * $1))
    for i in 1 2; do echo "$1" >"$TESTTMP/in.$i"; done
    for i in 1 2; do wait_for 60 grep -qx "done $((total / 2))" "$TESTTMP/login.$i.out"; done
}

start_fleet()
{
    local i
    logins=() fleet=() total=0
    cat >"$TESTTMP/service.py" <<'PY'
import socket
server = socket.create_server(("127.0.0.1", 0), backlog=500)
print("listening on", server.getsockname()[1], flush=True)
while True:
    client, _ = server.accept()
    client.recv(100)
    client.sendall(b"530 login incorrect\r\n")
    client.close()
PY
    for i in 1 2 3 4; do
        start_agent "service.$i" "$OPTIONS" python3 "$TESTTMP/service.py"
        fleet+=("$pid")
    done
    peer=$(port_of service.1)
    for i in 1 2 3 4; do
        start_agent "client.$i" "$OPTIONS" "$EXAMPLES/client_fixed" "$peer" 1
        fleet+=("$pid")
    done
    for i in 1 2 3 4; do wait_for 60 grep -q '1 logins tried' "$TESTTMP/client.$i.out"; done
    for i in 1 2; do login "$i"; done
    local IFS='|'
    pids="${fleet[*]}"
}

# ---- Prometheus ------------------------------------------------------------------------------------------------------------------------------------------

# Ours of examples/deploy, but it need not take minutes: it looks each second, and an alert compares with five seconds ago.
start_prometheus()
{
    mkdir "$TESTTMP/prometheus"
    sed 's/^ *for: .*/        for: 0s/; s/offset 15m/offset 5s/' "$TOP/examples/deploy/sockleak.rules.yml" >"$TESTTMP/prometheus/sockleak.rules.yml"
    sed "s/scrape_interval: .*/scrape_interval: 1s\n  evaluation_interval: 500ms/; s/127\.0\.0\.1:9842/$exporter/" \
        "$TOP/examples/deploy/prometheus.yml" >"$TESTTMP/prometheus/prometheus.yml"
    start prometheus prometheus --config.file="$TESTTMP/prometheus/prometheus.yml" --storage.tsdb.path="$TESTTMP/prometheus/data" \
        --web.listen-address=127.0.0.1:0 --log.level=warn
    listens prometheus
    prometheus=$at
}

# ask QUERY: its answer in $answer.
ask() { answer=$(curl -s -m 60 --data-urlencode "query=$1" "http://$prometheus/api/v1/query") && [[ $answer == *'"status":"success"'* ]]; }
# none QUERY: its answer has no row.
none() { ask "$1" && [[ $answer == *'"result":[]'* ]]; }

# is QUERY TEXT: its first row has this value, the labels before it match the regex TEXT: "value" or "labels value".
is()
{
    ask "$1" && [[ $answer =~ \"result\":\[\{\"metric\":\{([^}]*)\},\"value\":\[[0-9.]+,\"([^\"]*)\"\] ]] && [[ "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" =~ $2 ]]
}

ours() { echo "$1{pid=~\"$pids\"}"; }
rows() { echo "topk(3, sum by (site, function, file) ($(ours sockleak_stuck_sockets)))"; }
guilty_first() { is "$(rows)" "^\"file\":\"$line\",\"function\":\"login_connect\",\"site\":\"[0-9a-f]{16}\" $total\$"; }

# alerts [FUNCTION RANGE]: those that are about the fleet and fire.
alerts()
{
    local label
    for label in "SocketLeakGrows\",file=\"$line" "HalfOpenTowardsOnePeer\",peer=\"127.0.0.1:$peer" "DescriptorsOutWithinAnHour\",exe=\"$TESTTMP/login"; do
        echo "${or-}${1-}(ALERTS{alertstate=\"firing\",alertname=\"$label\"}${2-})"
        local or='or '
    done
}
# Each was firing at some time, the one on descriptors for both processes.
all_fired() { is "count($(alerts last_over_time '[1h]'))" ' 4$'; }

# It leaks on as soon as the last ones are seen: a leak is what grows. These steps do not come to the limit of descriptors.
leak_until_all_fired()
{
    local end=$((SECONDS + 240))
    until all_fired; do
        ((SECONDS < end)) || return 1
        if guilty_first && ((total < 1700)); then
            leak $((total < 100 ? total / 4 : 13))
        fi
        pause 0.3
    done
}

@test "of ten processes of which two leak, Prometheus shows the guilty line first, the alerts fire, and after the fix there is none" {
    command -v prometheus >/dev/null || skip 'prometheus is missing (prometheus)'
    local source=tests/victims/fleet_login.c line
    line=$source:$(grep -n 'socket(AF_INET' "$TOP/$source" | cut -d: -f1)
    cd "$TOP"
    build_victim login "$source"
    start_fleet
    leak 20
    start exporter "$SOCKLEAK" export --listen 127.0.0.1:0
    exporter=$(port_of exporter)
    start_prometheus
    wait_for 120 guilty_first || { echo "$answer"; return 1; }
    leak_until_all_fired || { ask ALERTS; echo "$answer"; return 1; }
    wait_for 120 guilty_first
    wait_for 120 is "count($(rows))" ' 1$' # and no other line
    "$SOCKLEAK" report --format json "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/before"

    # the fix: the same line opens, and another one closes
    kill -KILL "${logins[@]}"
    wait_for 60 ended "${logins[0]}"
    wait_for 60 ended "${logins[1]}"
    "$SOCKLEAK" clean
    build_victim login "$source" -DFIXED
    local leaked=$total i
    total=0 logins=()
    rm "$TESTTMP"/login.?.out
    for i in 1 2; do login "$i"; done
    leak 30
    pids+="|${logins[0]}|${logins[1]}"
    run "$SOCKLEAK" diff "$TESTTMP/before" "$XDG_RUNTIME_DIR/sockleak"
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" "^gone: $leaked sockets \($leaked close_wait\)\$"
    contains "$output" "login_connect .*$line"
    contains "$output" "^SUMMARY: sockleak diff: 0 new, 0 grown, 0 shrunk, 1 gone, 0 unchanged; $leaked sockets before, 0 now\$"
    wait_for 120 none "$(rows)" || { echo "$answer"; return 1; }
    wait_for 120 none "$(alerts)" || { echo "$answer"; return 1; }
    # all that were opened are counted, and those of the fixed program are closed
    count() { echo "sum(sockleak_sockets_$1_total{exe=\"$TESTTMP/login\",file=\"$line\"})"; }
    wait_for 120 is "$(count closed)" ' 60$' || { echo "$answer"; return 1; }
    is "$(count opened)" " $((leaked + 60))\$"
}

@test "node_exporter's textfile collector shows what the exporter writes" {
    command -v prometheus-node-exporter >/dev/null || skip 'prometheus-node-exporter is missing (prometheus-node-exporter)'
    mkfifo "$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start_agent app "$OPTIONS" sh -c 'exec "$0" 3 wait <>"$1"' "$VICTIMS/run_leak" "$TESTTMP/in"
    local app=$pid
    mkdir "$TESTTMP/textfiles"
    start textfile "$SOCKLEAK" export --textfile "$TESTTMP/textfiles/sockleak.prom" --interval 200ms
    start node prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory="$TESTTMP/textfiles" \
        --web.listen-address=127.0.0.1:0
    listens node
    shown()
    {
        curl -s -m 60 "http://$at/metrics" >"$TESTTMP/metrics"
        grep -qE "^sockleak_stuck_sockets\{.*function=\"db_connect\".*pid=\"$app\".*\} 3\$" "$TESTTMP/metrics"
    }
    wait_for 60 shown || { grep -a sockleak "$TESTTMP/metrics" | head -n 20; tail -n 5 "$TESTTMP/node.err"; return 1; }
    contains "$TESTTMP/metrics" '^node_textfile_scrape_error 0$'
    contains "$TESTTMP/metrics" '^# TYPE sockleak_sockets_opened_total counter$'
    contains "$TESTTMP/metrics" '^# TYPE sockleak_stuck_sockets gauge$'
}
