# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# mosquitto: the broker and its clients: retained messages, a subscriber that dies.
what="broker, 40 publishers, subscribers, a retained message, a client that dies"
needs="mosquitto=mosquitto mosquitto_pub=mosquitto-clients mosquitto_sub=mosquitto-clients"

work()
{
    local broker
    ports 1
    printf 'listener %s 127.0.0.1\nallow_anonymous true\npersistence false\n' "${PORTS[0]}" >"$DIR/m.conf"
    ((EUID)) || echo 'user root' >>"$DIR/m.conf"
    server mosquitto mosquitto -c "$DIR/m.conf"
    broker=$pid
    until_true 30 listens "${PORTS[0]}" || return 1
    with mosquitto_pub -h 127.0.0.1 -p "${PORTS[0]}" -t kept -r -m 'a retained message'
    server sub mosquitto_sub -h 127.0.0.1 -p "${PORTS[0]}" -t 'n/#' -q 1 -C 40
    local sub=$pid
    server first mosquitto_sub -h 127.0.0.1 -p "${PORTS[0]}" -t kept
    until_true 30 grep -q retained "$DIR/first.out"
    local first=$pid i
    until_true 30 subscribed
    for ((i = 0; i < 40; i++)); do with mosquitto_pub -h 127.0.0.1 -p "${PORTS[0]}" -q 1 -t "n/$i" -m "message $i"; done
    until_true 60 gone "$sub"
    sort "$DIR/sub.out" | cksum
    with mosquitto_sub -h 127.0.0.1 -p "${PORTS[0]}" -t kept -C 1
    kill -KILL "$first"
    until_true 30 gone "$first"
    descriptors mosquitto "$broker"
    look
    stop "$broker"
}
# The broker takes subscriptions in order: what is published after this one was seen is seen by the subscriber too.
subscribed()
{
    mosquitto_pub -h 127.0.0.1 -p "${PORTS[0]}" -t probe -m x
    (($(ss -Htn state established "dport = :${PORTS[0]}" | wc -l) >= 2)) && grep -q 'Sending SUBACK to' "$DIR/mosquitto.err" 2>/dev/null || (($(ss -Htn state established "sport = :${PORTS[0]}" | wc -l) >= 2))
}
