#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers, $at and $port from family
# Seven ways in which a process comes to hold three connections, each with the library preloaded, with run, attached, and killed. The peer closes,
# nothing of the program is called any more, and the three must be told, of the process that holds them last.

load helpers
load family

# The seven: daemon, double (fork), prefork, exec (a helper program); plugin (RTLD_DEEPBIND), uring, cgo (Go linked with libc).

setup_file()
{
    GOCACHE=${TMPDIR:-/tmp}/slgo.$$
    export GOCACHE
}
teardown_file() { rm -rf "$GOCACHE"; }

# ---- the programs ----

# program WORD: its command in $program, how many of its processes will say where they are in $n, whose stack it is in $frame
program()
{
    program=("$VICTIMS/family" "$1" "$port") n=1 frame=open_one
    case $1 in
    prefork) n=3 ;;
    plugin)
        "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-inline -fno-optimize-sibling-calls -shared -fPIC -DSTARTS_QUIETLY -o "$TESTTMP/p.so" \
            "$TOP/tests/victims/preload/plugin.c"
        program+=("$TESTTMP/p.so") frame=plugin_opens
        ;;
    uring)
        frame=
        "${program[@]}" >/dev/null 2>&1 &
        local try=$!
        wait_for 20 sees_three "$try" || skip "no io_uring that opens sockets"
        kill -KILL "$try"
        ;;
    cgo)
        frame=
        command -v go >/dev/null || skip "no go"
        mkdir "$TESTTMP/g"
        cp "$TOP/tests/victims/holds.go" "$TESTTMP/g/holds.go"
        (cd "$TESTTMP/g" && CGO_ENABLED=1 go build -o ../holds holds.go) || skip "go cannot build with cgo here"
        program=("$TESTTMP/holds" "127.0.0.1:$port")
        ;;
    esac
}
sees_three() { [ "$(ss -Htnp state established "dport = :$port" | grep -c "pid=$1,")" = 3 ] || { ! kill -0 "$1" && exit 1; }; }

# of $at the one that holds the three, in $holder
find_holder()
{
    local p
    holder=
    for p in "${at[@]}"; do
        [ "$holder" ] || [ "$(ss_has "$p")" != 3 ] || holder=$p
    done
    [ "$holder" ]
    by_ss=$(ss_has "$holder")
}

end_all()
{
    local p
    for p in "${at[@]}"; do kill "-$1" "$p" 2>/dev/null; done
    for p in "${at[@]}"; do wait_for 20 ended "$p"; done
}

# ---- what is said ----

# tells FILE: three in CLOSE_WAIT, once, with the stack where one can be known
tells()
{
    if ! grep -q '3 sockets stuck in CLOSE_WAIT' "$1"; then
        cat "$1"
        return 1
    fi
    if [ "$frame" ]; then
        contains "$1" "#0 $frame "
    else
        contains "$1" 'no stack was recorded'
        contains "$1" 'not known whether EOF was seen'
        lacks "$1" '[0-9] never did|EOF not seen|saw EOF'
    fi
    lacks "$1" 'nothing is stuck|opened no socket'
    said=$(grep -om 1 '[0-9]* sockets* stuck in CLOSE_WAIT' "$1")
}
report_of()
{
    "$SOCKLEAK" report --min-age 0 "$1" >"$TESTTMP/report" 2>&1 && grep -q 'CLOSE_WAIT' "$TESTTMP/report" && { [ ! "$frame" ] || by_agent "$TESTTMP/report"; }
}
in_logs() { cat "$TESTTMP"/log* 2>/dev/null | grep -q "3 sockets stuck in CLOSE_WAIT"; }
# line WORD MODE TEXT: of the table
line() { printf '# %-8s %-10s ss: %s CLOSE_WAIT   told: %s\n' "$1" "$2" "$by_ss" "$3" >&3; }

# ---- the four ways of looking ----

preloaded()
{
    program "$1"
    start_agent v "grace=500ms:interval=250ms:log_path=$TESTTMP/log" "${program[@]}"
    asleep "$n"
    peer_closes
    wait_for 20 find_holder
    wait_for 20 in_logs # by itself: nobody has asked
    wait_for 20 report_of "$holder"
    tells "$TESTTMP/report"
    local live=$said
    end_all TERM
    cat "$TESTTMP"/log* >"$TESTTMP/all"
    tells "$TESTTMP/all"
    [ "$1" = cgo ] || contains "$TESTTMP/all" 'SUMMARY: sockleak: 3 sockets leaked' # a Go program ends without libc
    line "$1" preloaded "$live, in the report and the log"
}

# The shell of the run lives until the test has seen what it wants.
under_run()
{
    program "$1"
    # shellcheck disable=SC2016 # the inner shell's own
    start v "$SOCKLEAK" run --grace 300ms -- sh -c '"$@" & while ! [ -e "$0" ]; do sleep 0.1; done' "$TESTTMP/go" "${program[@]}"
    local run=$pid
    asleep "$n"
    peer_closes
    wait_for 20 find_holder
    wait_for 20 report_of "$holder"
    end_all TERM
    touch "$TESTTMP/go"
    wait_for 20 ended "$run"
    tells "$TESTTMP/v.err"
    [ "$(grep -c 'sockets stuck in CLOSE_WAIT' "$TESTTMP/v.err")" = 1 ]
    line "$1" run "$said"
}

attach_before_it_opens()
{
    mkfifo "$TESTTMP/in"
    start v env FAMILY_WAITS=1 bash -c 'exec "${@:2}" <"$1"' _ "$TESTTMP/in" "${program[@]}"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
    "$SOCKLEAK" attach --grace 500ms "$pid" || return 1
    echo >&7
    exec 7>&-
    asleep "$n"
    peer_closes
    wait_for 20 find_holder
}

# Attached before it has opened anything: it is the agent's from then on, over fork; not over exec.
attached()
{
    program "$1"
    attach_before_it_opens || return 1
    wait_for 20 report_of "$holder" || { cat "$TESTTMP/report"; false; }
    tells "$TESTTMP/report"
    end_all TERM
    line "$1" attached "$said"
}

# An exec leaves the agent behind that an attach has brought: the report says so, and scan has them.
attached_over_exec()
{
    program exec
    attach_before_it_opens || return 1
    run "$SOCKLEAK" report "$holder"
    [ "$status" = 1 ]
    contains "$output" "^sockleak report: process $holder \\(.*\\): it does not run under the agent; the kernel shows 3 in CLOSE_WAIT \\(of [0-9]+ sockets\\): \`sockleak attach $holder\` starts recording"
    "$SOCKLEAK" scan --json "$holder" >"$TESTTMP/scan"
    said=$(json "$TESTTMP/scan" 'sum(l["close_wait"] for l in lines if l["type"] == "stuck")')
    [ "$said" = 3 ]
    end_all TERM
    line exec attached "it does not run under the agent; scan: $said CLOSE_WAIT"
}

# Attached when it holds them already: where they came from nobody knows.
attached_late()
{
    program "$1"
    start v "${program[@]}"
    asleep "$n"
    peer_closes
    wait_for 20 find_holder
    "$SOCKLEAK" attach --grace 500ms "$holder" || return 1
    wait_for 20 report_of "$holder"
    frame='' tells "$TESTTMP/report"
    contains "$TESTTMP/report" 'before_attach'
    end_all TERM
    line "$1" "late" "$said, before attach"
}

killed()
{
    program "$1"
    start_agent v "grace=500ms:interval=250ms:log_path=$TESTTMP/log" "${program[@]}"
    asleep "$n"
    peer_closes
    wait_for 20 find_holder
    wait_for 20 in_logs
    end_all KILL
    "$SOCKLEAK" report "$holder" >"$TESTTMP/report" 2>&1 || { cat "$TESTTMP/report"; false; }
    tells "$TESTTMP/report"
    contains "$TESTTMP/report" 'ended without an exit \(killed\?\)'
    local one=$said
    "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/report" 2>&1
    [ "$(grep -c 'sockets stuck in CLOSE_WAIT' "$TESTTMP/report")" = 1 ]
    line "$1" killed "$one, from its file"
}

@test "daemon(3), preloaded" { preloaded daemon; }
@test "double fork, preloaded" { preloaded double; }
@test "prefork, preloaded" { preloaded prefork; }
@test "exec'd helper, preloaded" { preloaded exec; }
@test "RTLD_DEEPBIND, preloaded" { preloaded plugin; }
@test "io_uring, preloaded" { preloaded uring; }
@test "cgo, preloaded" { preloaded cgo; }

@test "daemon(3), with run" { under_run daemon; }
@test "double fork, with run" { under_run double; }
@test "prefork, with run" { under_run prefork; }
@test "exec'd helper, with run" { under_run exec; }
@test "RTLD_DEEPBIND, with run" { under_run plugin; }
@test "io_uring, with run" { under_run uring; }

@test "cgo, with run: watched from outside; refused with --no-trace, with the reason" {
    program cgo
    run "$SOCKLEAK" run --no-trace -- "${program[@]}"
    echo "$output"
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    contains "$output" "^sockleak run: $TESTTMP/holds is a Go program: .*'sockleak scan'"
    start v "$SOCKLEAK" run --grace 300ms -- "${program[@]}"
    local run=$pid
    asleep "$n"
    peer_closes
    wait_for 20 find_holder
    wait_for 20 report_of "$holder"
    end_all TERM
    wait_for 20 ended "$run"
    frame=main.main tells "$TESTTMP/v.err"
    line cgo run "$said"
}

@test "daemon(3), attached" { attached daemon; }
@test "double fork, attached" { attached double; }
@test "prefork, attached" { attached prefork; }
@test "exec'd helper, attached" { attached_over_exec; }
@test "RTLD_DEEPBIND, attached" { attached plugin; }
@test "io_uring, attached" { attached uring; }
@test "cgo, attached: refused, and what watches it is named" {
    program cgo
    start v "${program[@]}"
    asleep "$n"
    run "$SOCKLEAK" attach "$pid"
    echo "$output"
    [ "$status" = 1 ]
    contains "$output" 'is a Go program.*`sockleak run --trace`, or use `sockleak scan '
    end_all TERM
}

@test "daemon(3), attached when it holds them" { attached_late daemon; }
@test "double fork, attached when it holds them" { attached_late double; }
@test "prefork, attached when it holds them" { attached_late prefork; }
@test "exec'd helper, attached when it holds them" { attached_late exec; }
@test "RTLD_DEEPBIND, attached when it holds them" { attached_late plugin; }
@test "io_uring, attached when it holds them" { attached_late uring; }

@test "daemon(3), killed" { killed daemon; }
@test "double fork, killed" { killed double; }
@test "prefork, killed" { killed prefork; }
@test "exec'd helper, killed" { killed exec; }
@test "RTLD_DEEPBIND, killed" { killed plugin; }
@test "io_uring, killed" { killed uring; }
@test "cgo, killed" { killed cgo; }
