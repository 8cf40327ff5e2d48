#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output and $status come from bats
# 67-deploy: what examples/deploy has for Kubernetes, Docker compose and Grafana agrees with the command, and a node's wake.sh wakes a pod's agent.

load helpers

setup()
{
    helpers_setup
    DEPLOY=$TOP/examples/deploy
}

# The questions of the dashboard, a line each, with every host for $instance.
questions()
{
    python3 - "$DEPLOY/grafana/sockleak.json" <<'PY'
import json, sys
board = json.load(open(sys.argv[1]))
ids = [p["id"] for p in board["panels"]]
assert len(set(ids)) == len(ids) and board["uid"] == "sockleak"
for p in board["panels"]:
    g = p["gridPos"]
    assert p["targets"] and 0 <= g["x"] and g["x"] + g["w"] <= 24, p["title"]
    for t in p["targets"]:
        print(t["expr"].replace("$instance", ".*"))
PY
}

@test "the dashboard and the alerts ask for metrics that the exporter has, and Prometheus takes the dashboard's questions" {
    local metric
    "$SOCKLEAK" export --once >"$TESTTMP/metrics"
    questions >"$TESTTMP/questions"
    [ "$(wc -l <"$TESTTMP/questions")" -ge 10 ]
    while read -r metric; do
        grep -q "^# TYPE ${metric%_total} \|^# TYPE $metric " "$TESTTMP/metrics" || { echo "$metric"; return 1; }
    done < <(grep -oh 'sockleak_[a-z_]*' "$TESTTMP/questions" <(grep -v '^ *- record\|^ *summary\|^ *description\|^#' "$DEPLOY/sockleak.rules.yml") | sort -u)
    # and each metric of the exporter is on the dashboard
    while read -r metric; do
        grep -q "$metric" "$TESTTMP/questions" || { echo "$metric is not shown"; return 1; }
    done < <(sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$TESTTMP/metrics")
    command -v promtool >/dev/null || skip 'promtool is missing (prometheus)'
    { echo 'groups: [{name: dashboard, rules: ['; sed "s/.*/{record: 'a:b', expr: '&', labels: {n: '&'}},/" "$TESTTMP/questions"; echo ']}]'; } >"$TESTTMP/rules.yml"
    promtool check rules "$TESTTMP/rules.yml"
}

@test "the DaemonSet and the compose file: their commands are the command's own, what they mount is there, and the parts fit together" {
    python3 -c 'import yaml' 2>/dev/null || skip 'PyYAML is missing (python3-yaml)'
    "$SOCKLEAK" export --help >"$TESTTMP/help"
    python3 - "$DEPLOY" "$TESTTMP/help" <<'PY'
import os, re, sys, yaml
deploy, options = sys.argv[1], set(re.findall(r"^  (--[a-z-]+)", open(sys.argv[2]).read(), re.M))
load = lambda name: yaml.safe_load(open(os.path.join(deploy, name)))

def known(command):
    if command[0] == "sockleak":
        assert command[1] == "export" and {w for w in command if w.startswith("--")} <= options, command

daemon = load("daemonset.yaml")
assert (daemon["apiVersion"], daemon["kind"]) == ("apps/v1", "DaemonSet")
template = daemon["spec"]["template"]
assert daemon["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
pod = template["spec"]
assert pod["hostPID"] is True
volumes = {v["name"]: v for v in pod["volumes"]}
for c in pod["containers"]:
    known(c["command"])
    mounted = {m["mountPath"] for m in c["volumeMounts"]}
    assert {m["name"] for m in c["volumeMounts"]} <= volumes.keys()
    assert c["securityContext"]["capabilities"]["drop"] == ["ALL"]
    for e in c.get("env", []):
        assert e["name"] != "STATE_DIRECTORY" or e["value"] in mounted
export, wake = pod["containers"]
port = export["command"][export["command"].index("--listen") + 1].rsplit(":", 1)[1]
assert str(export["ports"][0]["containerPort"]) == port == template["metadata"]["annotations"]["prometheus.io/port"]
assert export["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": export["ports"][0]["name"]}
assert wake["command"][1] == os.path.join(wake["volumeMounts"][0]["mountPath"], "wake.sh") and os.path.exists(os.path.join(deploy, "wake.sh"))
assert volumes["wake"]["configMap"]["name"] in open(os.path.join(deploy, "daemonset.yaml")).read().split("configmap ")[1]

compose = load("compose.yaml")
services = compose["services"]
known(services["export"]["command"])
assert os.path.exists(os.path.join(deploy, services["export"]["build"], "Dockerfile"))
for s in services.values():
    for v in s.get("volumes", []):
        source = v.split(":")[0]
        assert os.path.exists(os.path.join(deploy, source)) if source.startswith(".") else source in compose["volumes"], v
listen = services["export"]["command"][-1]
assert load("prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"] == [listen]
assert load("prometheus.yml")["rule_files"] == ["sockleak.rules.yml"]
source = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
assert source["url"] == "http://" + services["prometheus"]["command"][1].split("=")[1]
place = load("grafana/provisioning/dashboards/sockleak.yaml")["providers"][0]["options"]["path"]
assert any(v.split(":")[1] == place + "/sockleak.json" for v in services["grafana"]["volumes"])
PY
}

@test "in the node's pid namespace wake.sh wakes the dormant agent of the pod that runs out of descriptors, and touches nothing else" {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    unshare -p -m -n -f --mount-proc true 2>/dev/null || skip 'no namespaces here'
    export AGENT SOCKLEAK VICTIMS DEPLOY
    cat >"$TESTTMP/pod" <<'SH'
mount -t tmpfs none /dev/shm && ulimit -n "$1" && shift && exec "$@"
SH
    # a node of its own: what else runs on this machine is not its matter
    cat >"$TESTTMP/node" <<'SH'
mount -t tmpfs none /dev/shm && ip link set lo up || exit 1
dormant="env LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=enabled=0"
pod() { mkfifo "in.$1"; unshare -p -m -f --mount-proc sh pod "$2" $3 "$VICTIMS/attach_leaks" <>"in.$1" >"out.$1" 2>&1 & }
soon() { n=0; until "$@"; do n=$((n + 1)); [ "$n" -lt 600 ] || exit 1; sleep 0.1; done; }
pod full 12 "$dormant"
pod empty 1000 "$dormant"
pod bare 12 ''
for p in full empty bare; do soon test -s "out.$p"; done
SOCKLEAK=$SOCKLEAK sh "$DEPLOY/wake.sh" 30 >woken
SOCKLEAK=$SOCKLEAK sh "$DEPLOY/wake.sh" 30 >again
pid=$(sed -n 's/^process \([0-9]*\) (attach_leaks): its agent was dormant, and records now$/\1/p' woken)
echo open >in.full
stuck() { "$SOCKLEAK" report --min-age 0 "$pid" >report 2>&1; grep -q leak_plainly report; }
soon stuck
"$SOCKLEAK" export --once >metrics
for p in $(pgrep -x attach_leaks); do grep -c libsockleak "/proc/$p/maps"; done | sort -n | head -n 1 >least
SH
    cd "$TESTTMP"
    run env -u XDG_RUNTIME_DIR unshare -p -m -n -f --mount-proc sh node 3>&- 4>&-
    cat "$TESTTMP"/out.* woken again report
    [ "$status" -eq 0 ]
    [ "$(grep -c '^process ' woken)" -eq 1 ]
    [ "$(grep -c '^process ' again)" -eq 0 ]
    contains "$TESTTMP/report" '#0 leak_plainly '
    contains "$TESTTMP/metrics" '^sockleak_sockets_opened_total\{.*function="leak_plainly".*\} 1$'
    [ "$(cat least)" = 0 ] # nothing was loaded into the one without the library
}

@test "a served exporter sees the pods that come after its first look, each as itself, also of those whose process 1 started at the same time" {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    unshare -p -m -n -f --mount-proc true 2>/dev/null || skip 'no namespaces here'
    export AGENT SOCKLEAK VICTIMS
    cat >"$TESTTMP/node" <<'SH'
mount -t tmpfs none /dev/shm && ip link set lo up || exit 1
soon() { n=0; until "$@"; do n=$((n + 1)); [ "$n" -lt 600 ] || exit 1; sleep 0.1; done; }
pod() { mkfifo "in.$1"; unshare -p -m -f --mount-proc sh -c 'mount -t tmpfs none /dev/shm && exec env LD_PRELOAD=$AGENT "$VICTIMS/attach_leaks"' <>"in.$1" >"out.$1" 2>&1 & }
"$SOCKLEAK" export --listen 127.0.0.1:0 >served 2>&1 &
soon grep -q listening served
metrics() { curl -s -m 60 "http://$(sed -n 's/.*listening on //p' served)/metrics" >metrics; grep "$1" metrics | sort -u | wc -l; }
is() { [ "$(metrics '^sockleak_open_sockets{.*exe="[^"]*attach_leaks"')" -eq "$1" ]; }
metrics none >/dev/null
for p in 1 2 3 4 5 6 7 8; do pod "$p"; done
for p in 1 2 3 4 5 6 7 8; do soon test -s "out.$p"; echo open >"in.$p"; done
all_opened() { metrics none >/dev/null; grep -q '^sockleak_sockets_opened_total{.*function="leak_plainly".*} 8$' metrics; }
soon is 8
soon all_opened
kill -KILL $(pgrep -x attach_leaks | head -n 1)
soon is 7
pod 9
soon is 8
SH
    cd "$TESTTMP"
    run env -u XDG_RUNTIME_DIR unshare -p -m -n -f --mount-proc sh node 3>&- 4>&-
    cat "$TESTTMP"/out.* served metrics
    [ "$status" -eq 0 ]
}
