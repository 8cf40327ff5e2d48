#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154,SC2317 # $pid comes from the helpers; functions are called by wait_for
# In an event loop no function of the program is on the stack: what handles a socket of a node process is read from the object that owns it.

load helpers

NODE=$(command -v node)
OWNER=$(realpath "$BATS_TEST_DIRNAME/../victims/node_owner.js")
SHAPES=${OWNER%/*}/node_shapes.js

setup()
{
    helpers_setup
    mkfifo "$TESTTMP/in"
}

# waits HOW [OPTIONS [COMMAND...]]: the victim in the background until finish, with its sockets as HOW says.
waits()
{
    local how=$1 options=grace=0s:log_path=$TESTTMP/log${2:+:$2}
    shift $(($# > 2 ? 2 : $#))
    # shellcheck disable=SC2016 # the inner shell's own
    start node bash -c 'exec "$@" <"$0"' "$TESTTMP/in" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$options" "${@:-$NODE}" "${VICTIM-$OWNER}" "$how"
    exec 7>"$TESTTMP/in"
    wait_for 60 grep -q ready "$TESTTMP/node.out"
}
finish()
{
    exec 7>&-
    wait "$pid"
}

# reports [OPTIONS...]: in $TESTTMP/report, once as many sockets as COUNT are in CLOSE_WAIT.
reports()
{
    stuck() { "$SOCKLEAK" report --min-age 0 --kinds "${KINDS-close_wait}" "$@" "$pid" >"$TESTTMP/report" && grep -q "^ *fd \|\"type\":\"leak\"" "$TESTTMP/report"; }
    wait_for 30 stuck "$@"
}
line_of() { grep -n -m 1 -F -- "$1" "$OWNER" | cut -d: -f1; }
# handlers: the lines of what handles the sockets, "COUNT FUNCTION LINE ON", from the text.
handlers()
{
    sed -n 's/^  handled by (\([0-9]* of [0-9]*\))$/\1/p; s/^    #[0-9]* *\([^ ]*\) .*node_owner\.js:\([0-9]*\)  (\(.*\))$/\1 \2 \3/p' "$TESTTMP/report"
}
# handled LINE...: exactly these, in this order.
handled()
{
    diff <(printf '%s\n' "$@") <(handlers) || { cat "$TESTTMP/report"; return 1; }
}

@test "an upgraded connection is handled by the server's listener for upgrades, and no more by that for requests" {
    waits upgrade
    reports
    finish
    handled "3 of 3" "onUpgrade $(line_of 'function onUpgrade') server 'upgrade'"
}

@test "a request that nobody answers is handled by the listener for requests, and by the request's own" {
    waits request
    reports
    finish
    handled "2 of 2" "onBody $(line_of 'function onBody') request 'data'" "onRequest $(line_of 'function onRequest') server 'request'"
}

@test "sockets of two servers have one stack, and each its own handler" {
    waits server
    reports
    finish
    [ "$(grep -c '^site' "$TESTTMP/report")" = 1 ]
    handled "3 of 5" "onConnection $(line_of 'function onConnection') server 'connection'" \
        "2 of 5" "otherConnection $(line_of 'function otherConnection') server 'connection'"
}

@test "of more than three kinds of handlers the text has the commonest and how many more there are, and JSON all" {
    waits kinds
    reports
    "$SOCKLEAK" report --min-age 0 --kinds close_wait --format json "$pid" >"$TESTTMP/json"
    finish
    handled "5 of 17" "five $(line_of 'function five') server 'connection'" "4 of 17" "four $(line_of 'function four') server 'connection'" \
        "3 of 17" "three $(line_of 'function three') server 'connection'"
    [ "$(grep -c '^  and .* kind' "$TESTTMP/report")" = 1 ]
    contains "$TESTTMP/report" '^  and 3 more kinds \(5 of 17\)$'
    [ "$(json "$TESTTMP/json" '[(h["count"], h["frames"][0]["symbol"]) for l in leaks for h in l["history"] if h["event"] == "handled_by"][:3]')" = \
        "[(5, 'five'), (4, 'four'), (3, 'three')]" ]
    [ "$(json "$TESTTMP/json" 'sorted((h["count"], h["frames"][0]["symbol"]) for l in leaks for h in l["history"] if h["event"] == "handled_by")')" = \
        "[(1, 'one'), (2, 'alsoTwo'), (2, 'two'), (3, 'three'), (4, 'four'), (5, 'five')]" ]
}

@test "listeners of the socket itself: on several events, for once, and bound to an object" {
    waits listeners
    reports
    finish
    contains "$TESTTMP/report" "#0 onData +.*node_owner.js:$(line_of 'function onData')  \(socket 'data', 'error'\)"
    contains "$TESTTMP/report" "#1 onceTimeout +.*node_owner.js:$(line_of 'function onceTimeout')  \(socket 'timeout'\)"
    contains "$TESTTMP/report" "#0 receive +.*node_owner.js:$(line_of '  receive() {}')  \(socket 'data'\)"
    [ "$(handlers | wc -l)" = 5 ]
}

@test "a client that listens is named by its listener, and of one that does not nothing is said" {
    waits client
    reports
    finish
    handled "1 of 2" "onData $(line_of 'function onData') socket 'data'"
}

@test "a connection with TLS is handled by the listeners of the socket above it, and of its server" {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TESTTMP/key.pem" -out "$TESTTMP/cert.pem" -days 2 -subj /CN=localhost 2>"$TESTTMP/openssl"
    export KEY=$TESTTMP/key.pem CERT=$TESTTMP/cert.pem
    waits tls
    reports
    finish
    handled "2 of 2" "onData $(line_of 'function onData') socket 'data'" "<anonymous> $(line_of 'tls.createServer(') server 'secureConnection'"
}

@test "Unix and datagram sockets too, and an emitter that the package ws hangs on a socket" {
    SOCKET=$TESTTMP/socket waits others kinds=all
    KINDS=all reports
    finish
    contains "$TESTTMP/report" "#0 onMessage +.*node_owner.js:$(line_of 'function onMessage')  \(websocket 'message'\)"
    contains "$TESTTMP/report" "#1 <anonymous> +.*node_owner.js:[0-9]+  \(server 'connection'\)"
    contains "$TESTTMP/report" "#0 onDatagram +.*node_owner.js:$(line_of 'function onDatagram')  \(socket 'message'\)"
}

@test "functions of all shapes have the name and line that they have in the source" {
    local part
    for part in 0 1; do
        VICTIM=$SHAPES waits $part
        reports --format json
        finish
        python3 - "$TESTTMP/report" "$SHAPES" <<'END'
import json, re, sys
source, compared = open(sys.argv[2]).read().split("\n"), 0
for leak in map(json.loads, open(sys.argv[1])):
    for event in leak.get("history", []):
        for frame in event["frames"] if event["event"] == "handled_by" else []:
            line = int(re.fullmatch(r"socket 'e(\d+)'", frame["on"]).group(1))
            name = re.search(r"// (.*)$", source[line - 1]).group(1)
            assert (frame["symbol"], frame["line"]) == (name, line), (frame, name, line)
            compared += 1
assert compared == 24, compared
END
    done
}

@test "of a process that was attached to, for its older sockets too" {
    AGENT='' waits server
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ]
    reports
    finish
    contains "$TESTTMP/report" 'handled by \(3 of 5\)'
    contains "$TESTTMP/report" '#0 otherConnection '
}

@test "worker threads have event loops of their own" {
    waits threads
    two() { [ "$(grep -c ready "$TESTTMP/node.out")" = 2 ]; }
    wait_for 60 two
    reports
    finish
    diff <(handlers | grep -v ' of ' | sort) - <<EOL
onConnection $(line_of 'function onConnection') server 'connection'
onUpgrade $(line_of 'function onUpgrade') server 'upgrade'
otherConnection $(line_of 'function otherConnection') server 'connection'
EOL
}

@test "JSON has them in the history as handled_by, and the stack that saw EOF as before" {
    waits upgrade
    reports --format json
    finish
    python3 - "$TESTTMP/report" "$OWNER" "$(line_of 'function onUpgrade')" <<'END'
import json, sys
leak, = [l for l in map(json.loads, open(sys.argv[1])) if l["type"] == "leak"]
handled, = [h for h in leak["history"] if h["event"] == "handled_by"]
assert (handled["call"], handled["count"], handled["errno"], handled["inferred"]) == (None, 3, None, False), handled
frame, = handled["frames"]
assert (frame["symbol"], frame["file"], frame["line"], frame["runtime"], frame["on"]) == ("onUpgrade", sys.argv[2], int(sys.argv[3]), "javascript", "server 'upgrade'"), frame
assert leak["eof_frames"] and all("on" not in f for f in leak["eof_frames"] + leak["frames"])
END
}

@test "what handles a socket does not change the name of its site, and runtimes without javascript says nothing of it" {
    waits server
    reports
    cp "$TESTTMP/report" "$TESTTMP/with"
    SOCKLEAK_OPTIONS=runtimes=python "$SOCKLEAK" report --min-age 0 --kinds close_wait "$pid" >"$TESTTMP/report"
    finish
    [ -z "$(handlers)" ]
    diff <(grep '^site' "$TESTTMP/with") <(grep '^site' "$TESTTMP/report")
}

@test "top has them in the page of a site, SARIF in the stacks" {
    command -v tmux >/dev/null || skip "tmux is not installed"
    local socket=$TESTTMP/tmux
    waits server kinds=close_wait
    reports
    "$SOCKLEAK" report --min-age 0 --format sarif "$pid" >"$TESTTMP/sarif"
    contains "$TESTTMP/sarif" '"handled by \(3 of 5\)"'
    tmux -S "$socket" -f /dev/null new-session -d -x 150 -y 50 "'$SOCKLEAK' top $pid; exec cat" 3>&- 4>&-
    shows() { tmux -S "$socket" capture-pane -p >"$TESTTMP/screen" && grep -qE -- "$1" "$TESTTMP/screen"; }
    wait_for 30 shows 'uv__accept'
    tmux -S "$socket" send-keys Enter
    wait_for 30 shows '#0 onConnection  .*node_owner.js:[0-9]+  \(server .connection.\)'
    tmux -S "$socket" kill-server
    finish
}

@test "run keeps the answer when a signal ends the program" {
    # shellcheck disable=SC2016 # the inner shell's own
    start run bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$SOCKLEAK" run -- "$NODE" "$OWNER" upgrade
    exec 7>"$TESTTMP/in"
    wait_for 60 grep -q ready "$TESTTMP/run.out"
    looked() { "$SOCKLEAK" report --min-age 0 "$XDG_RUNTIME_DIR"/sockleak/run-*/ >"$TESTTMP/report" && grep -q 'stuck in CLOSE_WAIT' "$TESTTMP/report"; }
    wait_for 30 looked
    local status=0
    stop "$pid" || status=$?
    exec 7>&-
    [ "$status" -eq 143 ]
    cp "$TESTTMP/run.err" "$TESTTMP/report"
    contains "$TESTTMP/report" "handled by \(3 of 3\)"
    contains "$TESTTMP/report" "#0 onUpgrade +.*node_owner.js:$(line_of 'function onUpgrade')  \(server 'upgrade'\)"
}

@test "of a process that has ended nothing is said" {
    waits upgrade interval=250ms
    looked() { cat "$TESTTMP"/log.* | grep -q 'stuck in CLOSE_WAIT'; }
    wait_for 30 looked
    stop "$pid" KILL || :
    exec 7>&-
    "$SOCKLEAK" report --kinds close_wait "$pid" >"$TESTTMP/report"
    contains "$TESTTMP/report" '3 sockets stuck in CLOSE_WAIT'
    [ -z "$(handlers)" ]
}
