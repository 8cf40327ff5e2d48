#!/usr/bin/env bats
# The story of `make demo`: examples/server.c refuses, examples/client.c never closes.
load helpers

story() # CLIENT OPTIONS: a server and a client with four logins, both under the agent; sets server, client
{
    start_agent server "$2" "$EXAMPLES/server" 0
    server=$pid
    port=$(port_of server)
    start_agent client "$2" "$EXAMPLES/$1" "$port" 4
    client=$pid
    wait_for 20 grep -q 'logins' "$TESTTMP/client.out"
}

@test "the demo shows all three acts and ends with status 0" {
    run "$TOP/scripts/demo" "$BUILD"
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" 'CLOSE-WAIT'
    contains "$output" 'FIN-WAIT-2'
    contains "$output" '4 sockets stuck in CLOSE_WAIT'
    contains "$output" '4 sockets stuck in FIN_WAIT_2'
    contains "$output" 'sockleak says nothing'
}

@test "the client that swallows the refusal is reported while it runs, with its connect helper and the line that was told" {
    story client grace=500ms:interval=1s
    wait_for 20 grep -q '4 sockets stuck in CLOSE_WAIT' "$TESTTMP/client.err"
    contains "$TESTTMP/client.err" '4 sockets stuck in CLOSE_WAIT: the peer has closed, this process never did'
    contains "$(grep -A1 'opened by' "$TESTTMP/client.err")" '#0 login_connect'
    contains "$(grep -A1 'saw EOF in (recv returned 0; 4 of 4)' "$TESTTMP/client.err")" '#0 read_reply'
    stop "$server"
    stop "$client"
}

@test "the server's report names its accept call" {
    story client grace=500ms:interval=1s
    wait_for 20 grep -q '4 sockets stuck in FIN_WAIT_2' "$TESTTMP/server.err"
    contains "$TESTTMP/server.err" '4 sockets stuck in FIN_WAIT_2'
    contains "$(grep -A1 'opened by' "$TESTTMP/server.err")" '#0 accept_client'
    stop "$server"
    stop "$client"
}

@test "the complete reports at the end carry files and lines" {
    story client grace=30s
    both_stuck() { (($(ss -Htn state close-wait state fin-wait-2 "( sport = :$port or dport = :$port )" | wc -l) == 8)); }
    wait_for 20 both_stuck
    stop "$server"
    stop "$client"
    contains "$TESTTMP/client.err" "#0 login_connect +examples/client\\.c:$(grep -n 'int fd = socket' "$TOP/examples/client.c" | cut -d: -f1)$"
    contains "$TESTTMP/client.err" "#0 read_reply +examples/client\\.c:$(grep -n ' recv(fd' "$TOP/examples/client.c" | cut -d: -f1)$"
    contains "$TESTTMP/server.err" "#0 accept_client +examples/server\\.c:$(grep -n ' accept4(' "$TOP/examples/server.c" | cut -d: -f1)$"
    contains "$TESTTMP/client.err" 'SUMMARY: sockleak: 4 sockets leaked at 1 site \(4 close_wait\)'
    contains "$TESTTMP/server.err" 'SUMMARY: sockleak: 4 sockets leaked at 1 site \(4 fin_wait_2\)'
}

@test "the exit report of the client is one JSON object a line with exact counts" {
    story client "log_format=json:log_path=$TESTTMP/%e.json"
    stop "$server"
    stop "$client"
    local file
    file=$(echo "$TESTTMP"/client.json.*)
    while IFS= read -r line; do python3 -m json.tool <<<"$line" >/dev/null; done <"$file"
    [ "$(json "$file" 'len(leaks)')" -eq 1 ]
    [ "$(json "$file" '[leaks[0][k] for k in ("reason", "kind", "eof", "count", "opened", "closed", "live")]')" = "['exit', 'close_wait', 'read', 4, 4, 0, 4]" ]
    [ "$(json "$file" 'leaks[0]["frames"][0]["symbol"]')" = login_connect ]
    [ "$(json "$file" 'leaks[0]["eof_frames"][0]["symbol"]')" = read_reply ]
    [ "$(json "$file" '[s["peer"] for s in leaks[0]["sockets"]]')" = "['127.0.0.1:$port', '127.0.0.1:$port', '127.0.0.1:$port', '127.0.0.1:$port']" ]
    [ "$(json "$file" 'lines[-1]["by_kind"]["close_wait"]')" -eq 4 ]
    is_empty "$TESTTMP/client.err"
}

@test "a client that never reads is found with its unread bytes, though no call ever told it" {
    story client_deaf grace=500ms:interval=1s
    wait_for 20 grep -q '4 sockets stuck in CLOSE_WAIT' "$TESTTMP/client.err"
    contains "$(grep -A1 'opened by' "$TESTTMP/client.err")" '#0 login_connect'
    contains "$TESTTMP/client.err" 'CLOSE_WAIT .* unread 21'
    contains "$TESTTMP/client.err" 'never saw EOF \(4 of 4\): no call has read that far'
    stop "$server"
    stop "$client"
}

@test "the fixed client and its server are not reported" {
    story client_fixed grace=500ms
    nothing_open() { [[ -z $(ss -Htn exclude time-wait exclude listening "( sport = :$port or dport = :$port )") ]]; }
    wait_for 20 nothing_open
    stop "$client"
    stop "$server"
    is_empty "$TESTTMP/client.err"
    is_empty "$TESTTMP/server.err"
}

@test "a pool that keeps connections which its server closed is marked steady; one that forgets them is not" {
    start server "$EXAMPLES/server" 0
    server=$pid
    port=$(port_of server)
    start_agent steady grace=2s:interval=250ms "$EXAMPLES/pool" "$port" 5
    steady=$pid
    start_agent forget grace=500ms:interval=2s:leak_check_at_exit=all "$EXAMPLES/pool" "$port" 130 --forget
    forget=$pid
    is_steady() { "$SOCKLEAK" report "$steady" | grep -q 'steady (a pool?)'; }
    wait_for 30 is_steady
    wait_for 30 grep -q done "$TESTTMP/forget.out"
    stop "$forget"
    contains "$TESTTMP/forget.err" 'stuck [0-9]+ and growing'
    contains "$TESTTMP/forget.err" '520 sockets stuck in CLOSE_WAIT'
    lacks "$TESTTMP/forget.err" 'steady'
    stop "$steady"
    contains "$TESTTMP/steady.err" 'opened 20, closed 16, stuck 4, steady \(a pool\?\)'
    stop "$server"
}
