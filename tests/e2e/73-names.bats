#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 73-names: the names of functions, files and lines, where the program's layout or its files are out of the ordinary.

load helpers

HOLES=('-Wl,-z,max-page-size=0x200000' '-Wl,-z,separate-code')

has_holes() # FILE: its loaded segments do not touch
{
    python3 - "$1" <<'PY'
import struct, sys
data = open(sys.argv[1], "rb").read(4096)
at, n = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
headers = [struct.unpack_from("<IIQQQQQQ", data, at + 56 * i) for i in range(n)]
pages = [(h[3] // 4096, (h[3] + h[6] + 4095) // 4096) for h in headers if h[0] == 1]
sys.exit(all(end >= begin for (_, end), (begin, _) in zip(pages, pages[1:])))
PY
}

# The stack of the victim's own leak: the opener, then main, each with its line, and no frame of the program without a name.
names_are_right() # TEXT
{
    contains "$1" '#0 open_and_keep +.*names_leak\.c:[0-9]+' || return 1
    contains "$1" '#1 main +.*names_leak\.c:[0-9]+' || return 1
    lacks "$1" '\?\?'
}

# report_of SOCKETS ID: into $output, once that many are past the grace
has_findings() { "$SOCKLEAK" report "$2" >"$TESTTMP/report" 2>&1 && grep -q "SUMMARY: sockleak: $1 socket" "$TESTTMP/report"; }
report_of()
{
    wait_for 20 has_findings "$@" || { cat "$TESTTMP/report"; return 1; }
    output=$(cat "$TESTTMP/report")
    echo "report: $output"
}

opened() { grep -q '^open' "$TESTTMP/$1.out"; }
started() { grep -q '^ready' "$TESTTMP/$1.out"; }

holed() # NAME FLAGS...
{
    build_victim "$1" "$TOP/tests/victims/names_leak.c" "${@:2}" "${HOLES[@]}"
    has_holes "$TESTTMP/$1" || skip "this linker leaves no holes"
}

reports_names() # NAME: in each of the ways that a report is made
{
    run with_agent "" "$TESTTMP/$1"
    echo "its own: $output"
    names_are_right "$output"
    run "$SOCKLEAK" run -- "$TESTTMP/$1" 3>&-
    echo "run: $output"
    names_are_right "$output"
    touch "$TESTTMP/go"
    start_agent "$1" grace=200ms:interval=100ms:log_path="$TESTTMP/log" "$TESTTMP/$1" "$TESTTMP/go"
    wait_for 20 opened "$1"
    wait_for 20 test -s "$TESTTMP/log.$pid"
    report_of 1 "$pid"
    names_are_right "$output"
    contains "$("$SOCKLEAK" top "$pid" 3>&-)" 'connect_loopback .*victim\.h:'
    contains "$TESTTMP/log.$pid" '#0 open_and_keep +\('
    lacks "$TESTTMP/log.$pid" '\?\?'
    lacks "/proc/$pid/maps" libunwind # the first tier alone has walked
}

@test "a program with holes between its segments has names in every report, and needs no libunwind" {
    holed holed -no-pie -fno-pie
    reports_names holed
}

@test "so has a position-independent one" {
    holed holed_pie -pie -fPIE
    reports_names holed_pie
}

@test "so has one that is attached to" {
    holed holed -no-pie -fno-pie
    holed holed_pie -pie -fPIE
    for victim in holed holed_pie; do
        rm -f "$TESTTMP/go"
        start "$victim" "$TESTTMP/$victim" "$TESTTMP/go"
        wait_for 20 started "$victim"
        "$SOCKLEAK" attach --grace 100ms "$pid"
        touch "$TESTTMP/go"
        wait_for 20 opened "$victim"
        report_of 1 "$pid"
        names_are_right "$output"
    done
}

@test "so has a program that the loader itself was called with" {
    local loader
    holed holed -no-pie -fno-pie
    loader=$(readelf -lW "$TESTTMP/holed" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
    run env LD_PRELOAD="$AGENT" "$loader" "$TESTTMP/holed"
    echo "$output"
    names_are_right "$output"
}

@test "the frames of node have names and the build-id of its file" {
    command -v node >/dev/null || skip "node is not installed"
    has_holes "$(readlink -f "$(command -v node)")" || skip "this node has no holes"
    cat >"$TESTTMP/leak.js" <<'END'
const net = require('net');
const server = net.createServer((c) => c.end()).listen(0, '127.0.0.1', () => {
    const c = net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true });
    c.on('end', () => process.exit(0));
    c.resume();
});
END
    run with_agent "symbolize=0:log_format=json:log_path=$TESTTMP/log" node "$TESTTMP/leak.js"
    json "$TESTTMP"/log.* '[f["build_id"] for l in leaks for f in l["frames"] if f["module"] and f["module"].endswith("node")]' >"$TESTTMP/ids"
    contains "$TESTTMP/ids" "[0-9a-f]{8}"
    lacks "$TESTTMP/ids" None
    run with_agent "log_path=$TESTTMP/text:max_leaks=1:runtimes=none" node "$TESTTMP/leak.js"
    contains "$(cat "$TESTTMP"/text.*)" '#0 +uv_+(socket|accept)'
}

# ---- files that are not what they were -------------------------------------------------------------------------------

LIBRARY_SOURCE='
#include <netinet/in.h>
#include <unistd.h>
#ifndef OPENER
#define OPENER library_connect
#endif
static __attribute__((noinline)) int OPENER(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (const void *)to, sizeof *to) == 0 ? fd : -1;
}
int library_open(const struct sockaddr_in *to) { int fd = OPENER(to); usleep(1); return fd; }
'

build_pair() # DIRECTORY FLAGS...: a program and its library, both with a build-id
{
    mkdir -p "$TESTTMP/$1"
    build_victim "$1/liblib.so" - -shared -fPIC -Wl,--build-id "${@:2}" <<<"$LIBRARY_SOURCE"
    build_victim "$1/app" "$TOP/tests/victims/names_leak.c" -DLIBRARY -Wl,--build-id -Wl,-rpath,"$TESTTMP/bin" "$TESTTMP/$1/liblib.so" "${@:2}"
}

upgrade() { mv "$TESTTMP/new/$1" "$TESTTMP/bin/$1"; } # as a package manager does it

app_is_named() # TEXT
{
    contains "$1" '#0 open_and_keep ' || return 1
    contains "$1" '#1 main ' || return 1
    lacks "$1" '(wrong_name|deleted)'
}
library_is_named()
{
    contains "$1" '#0 library_connect '
    contains "$1" '#1 library_open '
}

attached_app() # starts bin/app, does what the arguments say to its files, attaches, lets it leak
{
    build_pair bin
    build_pair new -DOPENER=wrong_name
    start app "$TESTTMP/bin/app" "$TESTTMP/go"
    wait_for 20 started app
    "$@"
    "$SOCKLEAK" attach --grace 100ms "$pid"
    touch "$TESTTMP/go"
    wait_for 20 opened app
    report_of 2 "$pid"
}

replace_both() { upgrade app && upgrade liblib.so; }
remove_both() { rm "$TESTTMP"/bin/*; }
rename_both()
{
    mv "$TESTTMP/bin/app" "$TESTTMP/bin/app.old"
    mv "$TESTTMP/bin/liblib.so" "$TESTTMP/bin/liblib.so.old"
    replace_both
}

@test "a program and a library that an upgrade has replaced keep their names after an attach" {
    attached_app replace_both
    app_is_named "$output"
    contains "$output" 'names_leak\.c:[0-9]+'
    [ "$(id -u)" != 0 ] || library_is_named "$output" # the kernel shows a removed library to root alone
}

@test "so do those that were removed" {
    attached_app remove_both
    app_is_named "$output"
    contains "$output" 'names_leak\.c:[0-9]+'
    [ "$(id -u)" != 0 ] || library_is_named "$output"
}

@test "so do those that were renamed, for any user" {
    attached_app rename_both
    app_is_named "$output"
    library_is_named "$output"
}

@test "so does a program without a build-id: nobody can write to the file of a running program" {
    mkdir "$TESTTMP/bin"
    build_victim bin/app "$TOP/tests/victims/names_leak.c" -Wl,--build-id=none
    build_victim other "$TOP/tests/victims/names_leak.c" -Wl,--build-id=none -DOPENER=wrong_name
    for change in "mv $TESTTMP/other $TESTTMP/bin/app" "mv $TESTTMP/bin/app $TESTTMP/bin/app.old" "rm $TESTTMP/bin/app"; do
        rm -f "$TESTTMP/go"
        cp "$TESTTMP/bin/app" "$TESTTMP/app.kept"
        start app "$TESTTMP/bin/app" "$TESTTMP/go"
        wait_for 20 started app
        $change
        "$SOCKLEAK" attach --grace 100ms "$pid"
        touch "$TESTTMP/go"
        wait_for 20 opened app
        report_of 1 "$pid"
        app_is_named "$output"
        contains "$output" 'names_leak\.c:[0-9]+'
        cp "$TESTTMP/app.kept" "$TESTTMP/bin/app"
    done
}

@test "the agent's own reports name the functions of files that were replaced, and never those of the new ones" {
    build_pair bin
    build_pair new -DOPENER=wrong_name
    start_agent app "grace=100ms:interval=100ms:log_path=$TESTTMP/log" "$TESTTMP/bin/app" "$TESTTMP/go"
    app=$pid
    wait_for 20 started app
    replace_both
    touch "$TESTTMP/go"
    wait_for 20 grep -q 'library_open' "$TESTTMP/log.$app"
    app_is_named "$TESTTMP/log.$app"
    [ "$(id -u)" != 0 ] || library_is_named "$TESTTMP/log.$app"
    : >"$TESTTMP/log.$app" # the report at exit has files and lines
    rm "$TESTTMP/go"
    wait "$app"
    app_is_named "$TESTTMP/log.$app"
    contains "$TESTTMP/log.$app" '#0 open_and_keep +.*names_leak\.c:[0-9]+'
    [ "$(id -u)" != 0 ] || library_is_named "$TESTTMP/log.$app"
}

@test "the program has one path, in the head of a report and in its frames, when its file was removed" {
    attached_app rm "$TESTTMP/bin/app"
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" 'leaks[0]["exe"]')" = "$TESTTMP/bin/app" ]
    [ "$(json "$TESTTMP/json" '{l["eof_frames"][0]["module"] for l in leaks if l["eof_frames"]}.pop()')" = "$TESTTMP/bin/app" ]
    [ "$(json "$TESTTMP/json" '{l["eof_frames"][0]["symbol"] for l in leaks if l["eof_frames"]}.pop()')" = open_and_keep ]
}

@test "a program whose own name ends with the kernel's mark keeps it" {
    build_victim "app (deleted)" "$TOP/tests/victims/names_leak.c"
    run with_agent "log_format=json:log_path=$TESTTMP/log" "$TESTTMP/app (deleted)"
    [ "$(json "$TESTTMP"/log.* 'leaks[0]["exe"]')" = "$TESTTMP/app (deleted)" ]
}

@test "a process that has ended gets no name from a file of another build" {
    build_pair bin
    build_pair new -DOPENER=wrong_name
    cp -r "$TESTTMP/bin" "$TESTTMP/kept"
    touch "$TESTTMP/go"
    start_agent app grace=100ms "$TESTTMP/bin/app" "$TESTTMP/go"
    wait_for 20 opened app
    report_of 2 "$pid" # so that it has been checked
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    replace_both
    run "$SOCKLEAK" report "$TESTTMP/run/sockleak"
    echo "$output"
    lacks "$output" 'wrong_name'
    contains "$output" '#0 \?\? .*\(app\+0x[0-9a-f]+\)'
    contains "$output" '#0 \?\? .*\(liblib\.so\+0x[0-9a-f]+\)'
    run "$SOCKLEAK" report --debug-dir "$TESTTMP/kept" "$TESTTMP/run/sockleak"
    app_is_named "$output"
    library_is_named "$output"
}

# ---- the program's own call ------------------------------------------------------------------------------------------

first_frames() { json "$1" '[(f[0]["symbol"]) for l in leaks for f in (l["frames"], l["eof_frames"]) if f]'; }

@test "nor one without a build-id, when its file was replaced before its first socket" {
    mkdir "$TESTTMP/bin"
    build_victim bin/app "$TOP/tests/victims/names_leak.c" -Wl,--build-id=none
    build_victim other "$TOP/tests/victims/names_leak.c" -Wl,--build-id=none -DOPENER=wrong_name
    start_agent app grace=100ms "$TESTTMP/bin/app" "$TESTTMP/go"
    wait_for 20 started app
    mv "$TESTTMP/other" "$TESTTMP/bin/app"
    sleep 0.1 # the clock of files is a coarse one
    touch "$TESTTMP/bin/app" "$TESTTMP/go"
    wait_for 20 opened app
    report_of 1 "$pid"
    app_is_named "$output" # while it lives
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    run "$SOCKLEAK" report "$TESTTMP/run/sockleak"
    echo "$output"
    lacks "$output" wrong_name
    contains "$output" '#0 \?\? .*\(app\+0x[0-9a-f]+\)'
}

@test "the report at exit has no line from a library without a build-id that was replaced" {
    build_pair bin -Wl,--build-id=none
    build_pair new -Wl,--build-id=none -DOPENER=wrong_name
    start_agent app "log_path=$TESTTMP/log" "$TESTTMP/bin/app" "$TESTTMP/go"
    app=$pid
    wait_for 20 started app
    upgrade liblib.so
    sleep 0.1 # the clock of files is a coarse one
    touch "$TESTTMP/bin/liblib.so" "$TESTTMP/go"
    wait_for 20 opened app
    rm "$TESTTMP/go"
    wait "$app"
    cat "$TESTTMP/log.$app"
    contains "$TESTTMP/log.$app" 'names_leak\.c:[0-9]+'
    contains "$TESTTMP/log.$app" 'SUMMARY: sockleak: 2 sockets'
    lacks "$TESTTMP/log.$app" wrong_name
    lacks "$TESTTMP/log.$app" 'stdin'
}

@test "one without a build-id whose file is as it was gets its names" {
    build_victim app "$TOP/tests/victims/names_leak.c" -Wl,--build-id=none
    touch "$TESTTMP/go"
    start_agent app grace=100ms "$TESTTMP/app" "$TESTTMP/go"
    wait_for 20 opened app
    report_of 1 "$pid"
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    run "$SOCKLEAK" report "$TESTTMP/run/sockleak"
    echo "$output"
    app_is_named "$output"
}

@test "a stack begins with the program's own call, not with a fortified function of the system's headers" {
    build_victim fortified "$TOP/tests/victims/names_leak.c" -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    touch "$TESTTMP/go"
    start_agent fortified grace=100ms "$TESTTMP/fortified" "$TESTTMP/go"
    wait_for 20 opened fortified
    report_of 1 "$pid" >"$TESTTMP/text"
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/json"
    cat "$TESTTMP/text"
    lacks "$TESTTMP/text" 'socket2\.h'
    [ "$(first_frames "$TESTTMP/json")" = "['connect_loopback', 'open_and_keep']" ] || [ "$(first_frames "$TESTTMP/json")" = "['open_and_keep', 'open_and_keep']" ]
    run with_agent "" "$TESTTMP/fortified"
    echo "$output"
    lacks "$output" 'socket2\.h'
    contains "$output" '#0 open_and_keep'
}

@test "a function of the program's own that is called recv stays" {
    build_victim own - <<'END'
#include <sys/socket.h>
#include <unistd.h>
static __attribute__((noinline)) long recv_all(int fd) { char c; return read(fd, &c, 1) + 1; }
ssize_t recv(int fd, void *to, size_t n, int flags) { (void)to, (void)n, (void)flags; return recv_all(fd) - 1; }
int main(void)
{
    int pair[2];
    char c;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    close(pair[1]);
    return recv(pair[0], &c, 1, 0) != 0;
}
END
    run with_agent "" "$TESTTMP/own"
    echo "$output"
    contains "$output" '#1 recv '
}

@test "functions of the C library's own objects are left out in front of the program's, and a suppression of them holds" {
    build_victim libnss_slt.so.2 - -shared -fPIC -Wl,--build-id <<'END'
#include <sys/socket.h>
#include <unistd.h>
static __attribute__((noinline)) int slt_open(int pair[2]) { return socketpair(AF_UNIX, SOCK_STREAM, 0, pair); }
int slt_lookup(int pair[2]) { return slt_open(pair) + (int)write(pair[0], "", 0); }
END
    build_victim looks - "$TESTTMP/libnss_slt.so.2" -Wl,-rpath,"$TESTTMP" <<'END'
#include <unistd.h>
int slt_lookup(int pair[2]);
static __attribute__((noinline)) void look_up(void)
{
    int pair[2];
    slt_lookup(pair);
    close(pair[1]);
}
int main(void) { look_up(); return 0; }
END
    run with_agent "" "$TESTTMP/looks"
    echo "$output"
    contains "$output" '#0 look_up '
    lacks "$output" 'slt_open'
    run with_agent "symbolize=0" "$TESTTMP/looks"
    echo "$output"
    contains "$output" '#0 .*\(looks\+0x'
    echo 'hangup:^slt_open$' >"$TESTTMP/rules"
    run with_agent "suppressions=$TESTTMP/rules" "$TESTTMP/looks"
    lacks "$output" 'SUMMARY'
    run "$SOCKLEAK" run --suppressions "$TESTTMP/rules" --exitcode 9 -- "$TESTTMP/looks" 3>&-
    echo "$output"
    [ "$status" = 0 ]
}
