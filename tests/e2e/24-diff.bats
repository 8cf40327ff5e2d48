#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output and $status come from bats
# sockleak diff: what has changed between two reports, before and after a fix and between two builds; report --redact and --exitcode.

load helpers

# leaky NAME FILE EXTRA-LINES: a program, built from $TESTTMP/FILE, that leaves connections in CLOSE_WAIT: login COUNT of them, relogin SECOND.
leaky()
{
    local i
    {
        for ((i = 0; i < ${3:-0}; i++)); do echo "/* a line more */"; done
        cat <<'C'
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
static int listener;
static struct sockaddr_in at = {.sin_family = AF_INET};
__attribute__((noinline)) static int db_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
        exit(9);
    close(accept(listener, NULL, NULL));
    return fd;
}
__attribute__((noinline)) static void login(void) { char c; if (read(db_connect(), &c, 1) != 0) exit(8); }
__attribute__((noinline)) static void relogin(void) { char c; if (read(db_connect(), &c, 1) != 0) exit(8); }
int main(int argc, char **argv)
{
    socklen_t len = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, 5) || getsockname(listener, (struct sockaddr *)&at, &len))
        return 7;
    for (int i = 0; i < atoi(argv[1]); i++)
        login();
    for (int i = 0; argc > 2 && i < atoi(argv[2]); i++)
        relogin();
    return 0;
}
C
    } >"$TESTTMP/$2"
    build_victim "$1" "$TESTTMP/$2"
}

# reported NAME PROGRAM ARGS...: the run's report in $TESTTMP/NAME.json
reported()
{
    local name=$1 program=$TESTTMP/$2
    shift 2
    "$SOCKLEAK" run --json "$TESTTMP/$name.json" -- "$program" "$@" 2>"$TESTTMP/$name.err" 3>&-
}

# value KEY of the first line in $output that has CHANGE
value() { python3 -c 'import json, sys
for v in map(json.loads, sys.stdin):
    if v.get("change") == sys.argv[1]:
        print(json.dumps(v[sys.argv[2]]).strip("\""))
        break' "$1" "$2" <<<"$output"; }

@test "before and after a fix: the site is gone, and the other way round it is new and decides the exit status" {
    leaky app db.c
    reported before app 3 0
    reported after app 0 0
    run "$SOCKLEAK" diff --exitcode 23 "$TESTTMP/before.json" "$TESTTMP/after.json"
    [ "$status" -eq 0 ]
    contains "$output" '^gone: 3 sockets \(3 close_wait\)$'
    contains "$output" '#0 db_connect +.*db.c:[0-9]+$'
    contains "$output" '^SUMMARY: sockleak diff: 0 new, 0 grown, 0 shrunk, 1 gone, 0 unchanged; 3 sockets before, 0 now$'
    run "$SOCKLEAK" diff --exitcode 23 "$TESTTMP/after.json" "$TESTTMP/before.json"
    [ "$status" -eq 23 ]
    contains "$output" '^new: 3 sockets'
    run "$SOCKLEAK" diff --exitcode 23 "$TESTTMP/before.json" "$TESTTMP/before.json"
    [ "$status" -eq 0 ]
    [ "$output" = 'SUMMARY: sockleak diff: 0 new, 0 grown, 0 shrunk, 0 gone, 1 unchanged; 3 sockets before, 3 now' ]
}

@test "in one build a site that has grown or shrunk is known by its name" {
    leaky app db.c
    reported before app 3 5
    reported after app 4 2
    run "$SOCKLEAK" diff --format json --exitcode 5 "$TESTTMP/before.json" "$TESTTMP/after.json"
    [ "$status" -eq 5 ]
    [ "$(value grown matched) $(value grown old_count) $(value grown count)" = "site 3 4" ]
    [ "$(value shrunk matched) $(value shrunk old_count) $(value shrunk count)" = "site 5 2" ]
    [ "$(value grown site)" = "$(value grown old_site)" ]
    contains "${lines[2]}" '^\{"type":"diff_summary","new":0,"grown":1,"shrunk":1,"gone":0,"same":0,"old_count":8,"count":6\}$'
}

@test "in another build with shifted lines a site is known by its functions and files" {
    leaky app db.c
    reported before app 3 1
    leaky app db.c 4
    reported after app 5 1
    run "$SOCKLEAK" diff --format json --exitcode 5 "$TESTTMP/before.json" "$TESTTMP/after.json"
    [ "$status" -eq 5 ]
    [ "$(value grown matched) $(value grown old_count) $(value grown count)" = "functions_and_files 3 5" ]
    [ "$(value grown site)" != "$(value grown old_site)" ]
    contains "$output" '"new":0,"grown":1,"shrunk":0,"gone":0,"same":1'
    run "$SOCKLEAK" diff "$TESTTMP/before.json" "$TESTTMP/after.json"
    contains "$output" 'matched by the functions and files of its stack: the build differs'
    contains "$output" 'db_connect was at \(.*db.c:[0-9]+\)'
}

@test "in another build with a renamed file a site is known by its functions" {
    leaky app db.c
    reported before app 3
    leaky app database.c 2
    reported after app 3
    run "$SOCKLEAK" diff --exitcode 5 "$TESTTMP/before.json" "$TESTTMP/after.json"
    [ "$status" -eq 0 ]
    contains "$output" '0 new, 0 grown, 0 shrunk, 0 gone, 1 unchanged'
    reported after app 4
    run "$SOCKLEAK" diff "$TESTTMP/before.json" "$TESTTMP/after.json"
    contains "$output" '^grown: 3 -> 4 sockets'
    contains "$output" 'matched by the functions, not the files, of its stack'
    contains "$output" 'db_connect was at \(.*/db.c:'
}

@test "JSON Lines, logs, state files and directories of either compare with each other" {
    "$VICTIMS/report_statefile" "$TESTTMP/a.sockleak" 2 3
    "$VICTIMS/report_statefile" "$TESTTMP/b.sockleak" 3 5
    mkdir "$TESTTMP/states" "$TESTTMP/lines" "$TESTTMP/none" "$TESTTMP/other"
    cp "$TESTTMP/a.sockleak" "$TESTTMP/states"
    "$SOCKLEAK" report --format json "$TESTTMP/a.sockleak" >"$TESTTMP/lines/a.json"
    echo '{' >"$TESTTMP/states/damaged.json" # beside state files nobody reads it
    echo notes >"$TESTTMP/lines/README"
    for old in a.sockleak states lines lines/a.json; do
        run "$SOCKLEAK" diff "$TESTTMP/$old" "$TESTTMP/b.sockleak"
        [ "$status" -eq 0 ]
        contains "$output" 'SUMMARY: sockleak diff: 1 new, 2 grown, 0 shrunk, 0 gone, 0 unchanged; 6 sockets before, 15 now'
        run "$SOCKLEAK" diff "$TESTTMP/$old" "$TESTTMP/states"
        contains "$output" '2 unchanged'
    done
    run "$SOCKLEAK" diff "$TESTTMP/a.sockleak" "$TESTTMP/none"
    [ "$status" -eq 0 ]
    contains "$output" 'none: empty: taken as a report with nothing stuck'
    cp "$TESTTMP/lines/README" "$TESTTMP/other"
    run "$SOCKLEAK" diff "$TESTTMP/a.sockleak" "$TESTTMP/other"
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak diff: $TESTTMP/other: no report in it, neither a state file nor JSON Lines" ]
    leaky app db.c
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p" "$TESTTMP/app" 2
    run "$SOCKLEAK" diff --kinds dead "$TESTTMP/a.sockleak" "$TESTTMP"/log.*
    contains "$output" '0 sockets before, 0 now'
    run "$SOCKLEAK" diff "$TESTTMP/none" "$TESTTMP"/log.*
    contains "$output" '1 new, 0 grown, 0 shrunk, 0 gone, 0 unchanged; 0 sockets before, 2 now'
}

@test "what is no report costs one line that says why, and status 1" {
    "$VICTIMS/report_statefile" "$TESTTMP/a.sockleak" 1 1
    "$SOCKLEAK" report --format json "$TESTTMP/a.sockleak" >"$TESTTMP/good.json"
    : >"$TESTTMP/empty"
    head -c 200 "$TESTTMP/good.json" >"$TESTTMP/cut"
    echo hello >"$TESTTMP/text"
    echo '{"a":1}' >"$TESTTMP/other"
    echo '{"type":"socket"}' >"$TESTTMP/foreign"
    sed 's/"kind":"close_wait"/"kind":"melted"/' "$TESTTMP/good.json" >"$TESTTMP/later"
    sed 's/"count":/"number":/' "$TESTTMP/good.json" >"$TESTTMP/changed"
    head -c 9000 "$TESTTMP/a.sockleak" >"$TESTTMP/cut.sockleak"
    cp "$TESTTMP/a.sockleak" "$TESTTMP/version.sockleak"
    printf '\x63' | dd of="$TESTTMP/version.sockleak" bs=1 seek=8 conv=notrunc 2>/dev/null
    local name why
    while read -r name why; do
        run "$SOCKLEAK" diff "$TESTTMP/good.json" "$TESTTMP/$name"
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
        contains "$output" "^sockleak diff: $TESTTMP/$name: .*$why"
        run "$SOCKLEAK" diff --exitcode 9 "$TESTTMP/$name" "$TESTTMP/good.json"
        [ "$status" -eq 1 ]
    done <<'E'
empty empty
cut line 1 is cut: the file ends in the middle of it
text not a report
other "type"
foreign no line of it is of a report
later does not know: 'melted'
changed "count" is not a count: damaged, or not written by this version
cut.sockleak not a state file
version.sockleak version
missing no such file
E
    run "$SOCKLEAK" diff "$TESTTMP/good.json"
    [ "$status" -eq 2 ]
}

@test "report --exitcode ends with it when there is a finding, and a process with nothing stuck has a summary in JSON" {
    "$VICTIMS/report_statefile" "$TESTTMP/a.sockleak" 1 1
    run "$SOCKLEAK" report --exitcode 23 "$TESTTMP/a.sockleak"
    [ "$status" -eq 23 ]
    run "$SOCKLEAK" report --exitcode 23 --kinds dead --format json "$TESTTMP/a.sockleak"
    [ "$status" -eq 0 ]
    contains "$output" '^\{"type":"summary",.*"leaks":0,'
    run "$SOCKLEAK" report --exitcode 23 "$TESTTMP/a.sockleak" "$TESTTMP/missing"
    [ "$status" -eq 1 ]
    run "$SOCKLEAK" report --exitcode 300 "$TESTTMP/a.sockleak"
    [ "$status" -eq 2 ]
}

@test "report --redact leaves addresses, host, user and folders out of every format, and sites, functions and lines in" {
    local format host
    host=$(uname -n)
    mkdir -p "$TESTTMP/home/alice/src"
    leaky app home/alice/src/db.c
    "$SOCKLEAK" run --output "$TESTTMP/kept" -- "$TESTTMP/app" 3 2>/dev/null 3>&-
    for format in text json folded junit sarif; do
        run "$SOCKLEAK" report --redact --format "$format" "$TESTTMP/kept"
        [ "$status" -eq 0 ]
        lacks "$output" '127\.0\.0\.1|alice'
        lacks "$output" "$TESTTMP"
        [ "$format" = junit ] || [[ $output != *"\"$host\""* ]]
        contains "$output" 'db_connect'
    done
    run "$SOCKLEAK" report --redact "$TESTTMP/kept"
    contains "$output" '#0 db_connect +db.c:[0-9]+$'
    contains "$output" 'fd [0-9]+ +address-1:[0-9]+ -> address-1:[0-9]+  CLOSE_WAIT'
    # in the project's folder its own folders stay
    run env -C "$TESTTMP/home/alice" "$SOCKLEAK" report --redact "$TESTTMP/kept"
    contains "$output" '#0 db_connect +src/db.c:[0-9]+$'
    run "$SOCKLEAK" report --redact --gen-suppressions "$TESTTMP/kept"
    [ "$status" -eq 2 ]
    run "$SOCKLEAK" diff --redact "$TESTTMP/kept" "$TESTTMP/kept"
    contains "$output" '1 unchanged'
    mkdir "$TESTTMP/none"
    run "$SOCKLEAK" diff --redact "$TESTTMP/none" "$TESTTMP/kept"
    contains "$output" '#0 db_connect +db.c:[0-9]+$'
    lacks "$output" alice
}

@test "the CI example compares with the main branch's report by a command that works" {
    leaky test-suite db.c
    mkdir "$TESTTMP/main"
    cd "$TESTTMP"
    PATH=$(dirname "$SOCKLEAK"):$PATH
    local record compare
    record=$(sed -n 's/.*run: \(sockleak run .*\)/\1/p' "$TOP/examples/ci/compare-with-main.yml")
    compare=$(sed -n 's/.*run: \(sockleak diff .*\)/\1/p' "$TOP/examples/ci/compare-with-main.yml")
    eval "$record 2" 2>/dev/null 3>&-
    mv sockets.json main/
    eval "$record 2" 2>/dev/null 3>&-
    run bash -c "$compare"
    [ "$status" -eq 0 ]
    eval "$record 2 1" 2>/dev/null 3>&-
    run bash -c "$compare"
    [ "$status" -eq 23 ]
    contains "$output" '^new: 1 socket '
}

@test "completions offer the processes that carry the agent first, and values behind an equals sign" {
    local file="$XDG_RUNTIME_DIR/sockleak"
    mkdir "$file"
    : >"$file/$$.1.sockleak"
    : >"$file/4194300.1.sockleak"
    # shellcheck disable=SC2016 # the inner shell's
    local words='source "$1/sockleak.bash"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sockleak; printf "%s\n" "${COMPREPLY[@]}"'
    completed() { run bash --norc -c "$words" _ "$TOP/lib/cli/completions" sockleak "$@"; }
    completed attach ''
    [ "${lines[0]}" = $$ ]
    [ "$(grep -cx $$ <<<"$output")" -eq 1 ]
    lacks "$output" '^4194300$'
    completed report --format = j
    [ "$output" = $'json\njunit' ]
    completed report --format =
    contains "$output" '^sarif$'
    completed diff --format=
    [ "$output" = $'--format=text\n--format=json' ]
    completed run --kinds=close_wait,d
    [ "$output" = --kinds=close_wait,dead ]
    run "$SOCKLEAK" report --formt json
    [ "$status" -eq 2 ]
    [ "$output" = "sockleak report: unknown option '--formt'; did you mean '--format'? (see 'sockleak help report')" ]
}
