#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status, $lines and $pid come from bats and the helpers
# What a report hides, where it is written and read, and what is left of it: each as narrow, as safe and as bounded as promised.

load helpers

state_dir() { echo "$XDG_RUNTIME_DIR/sockleak"; }

@test "a suppression that was generated for a leak in main hides that leak and no other" {
    with_agent log_path="$TESTTMP/log" "$VICTIMS/trust" two
    "$SOCKLEAK" report --gen-suppressions "$(state_dir)" >"$TESTTMP/rules"
    cat "$TESTTMP/rules"
    [ "$(grep -cE '^hangup:\^main \(trust\.c:[0-9]+\)\$$' "$TESTTMP/rules")" -eq 2 ]
    head -n 1 "$TESTTMP/rules" >"$TESTTMP/one"
    run "$SOCKLEAK" report --suppressions "$TESTTMP/one" "$(state_dir)"
    contains "$output" 'WARNING: sockleak: 1 socket '
    contains "$output" '1 socket suppressed'
    run with_agent suppressions="$TESTTMP/one" "$VICTIMS/trust" two
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
    contains "$output" '^ +1 +1  hangup:\^main \(trust\.c:[0-9]+\)\$$'
    run with_agent suppressions="$TESTTMP/rules" "$VICTIMS/trust" two
    lacks "$output" 'SUMMARY'
}

# as_nobody COMMAND...: as another user than the one that the tests run as, who must be root.
AS_NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups env -u XDG_RUNTIME_DIR)
as_nobody() { "${AS_NOBODY[@]}" "$@" 3>&- 4>&-; }

# For another user: what the build and the test's folder have to be readable for.
open_to_others()
{
    [ "$(id -u)" = 0 ] || skip "needs root, who can be another user"
    chmod 755 "$TESTTMP"
    cp "$AGENT" "$VICTIMS/trust" "$TESTTMP"
    as_nobody test -r "$TESTTMP/libsockleak.so" || skip "other users cannot reach $TESTTMP"
    mkdir -m 700 "$TESTTMP/theirs"
    chown 65534:65534 "$TESTTMP/theirs"
}

@test "a link in a state directory is not followed, and nothing behind it is opened" {
    local dir
    dir=$(state_dir)
    with_agent log_path="$TESTTMP/log" "$VICTIMS/trust" two
    mv "$dir"/*.sockleak "$TESTTMP/mine"
    ln -s "$TESTTMP/mine" "$dir/1999999998.5.sockleak"
    mkfifo "$dir/1999999997.5.sockleak"
    run timeout 20 "$SOCKLEAK" report "$dir"
    [ "$status" -eq 1 ]
    contains "$output" '1999999998.5.sockleak: it is a symbolic link'
    contains "$output" '1999999997.5.sockleak: not a state file \(it is no regular file\)'
    lacks "$output" 'WARNING'
}

@test "another user's state file is never opened for writing, and its live process is asked all the same" {
    open_to_others
    command -v strace >/dev/null || skip "no strace"
    start other "${AS_NOBODY[@]}" LD_PRELOAD="$TESTTMP/libsockleak.so" SOCKLEAK_OPTIONS="interval=1h:grace=1h:log_path=/dev/null:state_dir=$TESTTMP/theirs" "$TESTTMP/trust" wait 3
    wait_for 20 grep -q ready "$TESTTMP/other.out"
    strace -f -o "$TESTTMP/calls" -e trace=open,openat "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report" 2>&1 || cat "$TESTTMP/report"
    contains "$TESTTMP/report" '3 sockets hung up'
    lacks "$TESTTMP/report" 'fresh look|did not answer'
    contains "$TESTTMP/calls" 'theirs/.*O_PATH'
    grep sockleak "$TESTTMP/calls" >"$TESTTMP/opens"
    lacks "$TESTTMP/opens" 'O_RDWR|O_WRONLY'
    lacks "$TESTTMP/calls" '/proc/self/fd/[0-9]+", O_RDWR'
    "$SOCKLEAK" detach "$pid"
    contains "$("$SOCKLEAK" report "$pid" 2>&1)" 'dormant'
}

@test "an attach to a process that nothing is wrong with warns of nothing" {
    start bare "$VICTIMS/trust" wait 1
    wait_for 20 grep -q ready "$TESTTMP/bare.out"
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ]
    lacks "$output" 'entries|not seen|warn'
}

# log_of PID: where log_path=$TESTTMP/logs/log puts the log of PID. The pid is known before the program starts: a shell becomes it.
logged()
{
    local before=$1 options=$2
    shift 2
    mkdir -p "$TESTTMP/logs"
    # shellcheck disable=SC2016 # the inner shell's own
    run timeout 20 bash -c 'log=$TESTTMP/logs/log.$$; eval "$1"; shift; export LD_PRELOAD=$AGENT; exec "$@"' _ "$before" \
        env SOCKLEAK_OPTIONS="log_path=$TESTTMP/logs/log:$options" "$@" 3>&- 4>&-
}

@test "a log is written to no link, device, FIFO without a reader or file of another user" {
    local before what
    # shellcheck disable=SC2016 # expanded by the inner shell
    for what in 'ln -s "$TESTTMP/precious" "$log"|it is a symbolic link' 'mkfifo "$log"|a FIFO that nobody reads' 'mkdir "$log"|it is no regular file' \
        'touch "$log"; chown 65534 "$log"|it belongs to another user' 'mknod "$log" c 1 3|it is no regular file'; do
        before=${what%|*}
        [[ $before != *chown* && $before != *mknod* || $(id -u) = 0 ]] || continue
        rm -rf "$TESTTMP/logs"
        echo kept >"$TESTTMP/precious"
        logged "$before" "" "$VICTIMS/trust" two
        [ "$status" -eq 0 ]
        contains "$output" "cannot be opened \\(${what#*|}\\); reports go to standard error"
        contains "$output" 'SUMMARY: sockleak: 2 sockets leaked'
        [ "$(cat "$TESTTMP/precious")" = kept ]
        find "$TESTTMP/logs" -type f -size +0 >"$TESTTMP/written"
        is_empty "$TESTTMP/written"
    done
}

@test "a log that is full says so in one line, and grows no more" {
    local log
    logged : log_max=1k "$VICTIMS/trust" two
    log=$(ls "$TESTTMP"/logs/log.*)
    cat "$log"
    [ "$(grep -c 'this log is full (log_max); nothing more is written to it$' "$log")" -eq 1 ]
    contains "$(tail -n 1 "$log")" 'this log is full'
    [ "$(stat -c %s "$log")" -le 1024 ]
    [ "$status" -eq 0 ]
}

@test "a misspelt option is warned of once by a family of processes" {
    run with_agent grayce=1s:kinds=hangup,wrong bash -c "sh -c '$VICTIMS/trust two; exec $VICTIMS/trust two'; exec '$VICTIMS/trust' two"
    [ "$(grep -c 'grayce: no such option' <<<"$output")" -eq 1 ]
    [ "$(grep -c 'kinds=hangup,wrong: not a list' <<<"$output")" -eq 1 ]
    [ "$(grep -c SUMMARY <<<"$output")" -eq 3 ]
}

@test "a program that ran for long counts in one line what ended within its last second, and lists the rest" {
    local word
    start_agent all "leak_check_at_exit=all" "$VICTIMS/trust" late 11
    start_agent code "exitcode=23" "$VICTIMS/trust" late 11
    start_agent short "" "$VICTIMS/trust" late 1
    start_agent json log_format=json "$VICTIMS/trust" late 11
    start_agent forked "" "$VICTIMS/trust" fork 11
    start_agent late "" "$VICTIMS/trust" late 11
    wait
    contains "$TESTTMP/late.err" 'SUMMARY: sockleak: 1 socket leaked'
    contains "$TESTTMP/late.err" '^==[0-9]+==sockleak: and 3 sockets that ended within the last second: leak_check_at_exit=all lists them$'
    contains "$TESTTMP/forked.err" '^==[0-9]+==sockleak: 3 sockets that ended within the last second: leak_check_at_exit=all lists them$'
    [ "$(grep -c SUMMARY "$TESTTMP/forked.err")" -eq 1 ]
    contains "$TESTTMP/json.err" '"type":"note".*"3 sockets that ended within the last second'
    for word in all code short; do
        contains "$TESTTMP/$word.err" 'SUMMARY: sockleak: 4 sockets leaked'
        lacks "$TESTTMP/$word.err" 'last second'
    done
}

@test "a wave is one report, and what is closed of it one retraction, counted from the report on" {
    mkfifo "$TESTTMP/in"
    start_agent wave grace=1s:interval=500ms bash -c "exec '$VICTIMS/trust' close 64 <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q WARNING "$TESTTMP/wave.err"
    echo read >&7
    wait_for 20 grep -q 'done' "$TESTTMP/wave.out"
    sleep 1
    echo close >&7
    wait_for 20 grep -q released "$TESTTMP/wave.err"
    exec 7>&-
    wait_for 20 ended "$pid"
    cat "$TESTTMP/wave.err"
    [ "$(grep -c WARNING "$TESTTMP/wave.err")" -eq 1 ]
    contains "$TESTTMP/wave.err" 'WARNING: sockleak: 64 sockets hung up'
    [ "$(grep -c released "$TESTTMP/wave.err")" -eq 1 ]
    contains "$TESTTMP/wave.err" 'released: 64 of site [0-9a-f]{16} after up to ([2-9]|[0-9]{2,}) s: they were hung up \(fd 3, 4, .* \.\.\.\)$'
}

@test "of ended processes a directory keeps the newest 200 files, and report and clean say how many went" {
    local dir i
    dir=$(state_dir)
    mkdir -m 700 "$dir"
    "$VICTIMS/report_statefile" "$TESTTMP/one" 1 1
    for i in {1..230}; do
        cp --sparse=always "$TESTTMP/one" "$dir/$((1999000000 + i)).7.sockleak"
        touch -d "@$((1700000000 + i))" "$dir/$((1999000000 + i)).7.sockleak"
    done
    start_agent live log_path="$TESTTMP/log" "$VICTIMS/trust" wait 1
    wait_for 20 grep -q ready "$TESTTMP/live.out"
    [ "$(find "$dir" -name '1999*.sockleak' | wc -l)" -eq 200 ]
    [ ! -e "$dir/1999000030.7.sockleak" ]
    [ -e "$dir/1999000031.7.sockleak" ]
    [ -e "$(echo "$dir/$pid".*.sockleak)" ]
    run "$SOCKLEAK" report --max-sockets 0 "$dir"
    contains "$output" "30 older state files of ended processes went from $dir, which keeps the newest 200"
    run "$SOCKLEAK" clean "$dir"
    contains "$output" "^30 older ones went from $dir before: it keeps the newest 200"
    contains "$output" '^removed 200 state files; 1 belongs to running processes$'
    run "$SOCKLEAK" report "$dir"
    lacks "$output" 'older'
}

@test "the file of a process that ended without its exit and held nothing goes when the next program makes one" {
    local dir
    dir=$(state_dir)
    mkdir -m 700 "$dir"
    "$VICTIMS/report_statefile" "$dir/1999000001.7.sockleak" 0 0 unseen
    "$VICTIMS/report_statefile" "$dir/1999000002.7.sockleak" 1 1 unseen
    "$VICTIMS/report_statefile" "$dir/1999000003.7.sockleak" 0 0 recent # a moment ago: it may run where it cannot be seen
    start_agent live log_path="$TESTTMP/log" "$VICTIMS/trust" wait 1
    wait_for 20 grep -q ready "$TESTTMP/live.out"
    [ "$(cd "$dir" && echo 1999*)" = '1999000002.7.sockleak 1999000003.7.sockleak' ]
    [ -e "$(echo "$dir/$pid".*.sockleak)" ]
}

@test "a run keeps the state file of each of its processes until it has reported them" {
    # shellcheck disable=SC2016 # expanded by the inner shell
    run "$SOCKLEAK" run --output "$TESTTMP/keep" -- bash -c 'for i in {1..205}; do "$VICTIMS/trust" two; done'
    contains "$output" 'SUMMARY: sockleak: 410 sockets leaked at 2 sites'
    [ "$(find "$TESTTMP/keep" -name '*.sockleak' | wc -l)" -eq 205 ]
}

@test "a state directory that another user made first is passed over, and that is said" {
    open_to_others
    needs_alone
    mkdir -m 755 "$(state_dir)"
    chown 65534 "$(state_dir)"
    # shellcheck disable=SC2016 # the inner shell's own
    alone bash -c 'env LD_PRELOAD="$AGENT" "$VICTIMS/trust" two; "$SOCKLEAK" report; echo $? >"$TESTTMP/status"; ls /dev/shm/sockleak-0
        rm -r /dev/shm/sockleak-0; mkdir /dev/shm/sockleak-0; chown 65534 /dev/shm/sockleak-0
        env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=print_summary=0 "$VICTIMS/trust" two' >"$TESTTMP/out" 2>&1
    contains "$TESTTMP/out" 'sockleak: warning: .XDG_RUNTIME_DIR/sockleak is not used, the state file lies in /dev/shm: the directory belongs to somebody else'
    contains "$TESTTMP/out" '^[0-9]+\.[0-9]+\.sockleak$'
    contains "$TESTTMP/out" "sockleak report: $(state_dir): not read, it is not yours"
    contains "$TESTTMP/status" 1
    contains "$TESTTMP/out" 'sockleak: warning: no state file: the table stays in memory'
    [ "$(find "$(state_dir)" -type f | wc -l)" -eq 0 ]
}

@test "run --kinds all gives the addresses and states that a preload gives" {

    run with_agent kinds=all:log_path=stdout "$VICTIMS/trust" open
    grep -E '^  fd ' <<<"$output" | sed -E 's/127.0.0.1:[0-9]+/A/g' | sort >"$TESTTMP/preload"
    contains "$TESTTMP/preload" 'A -> A  ESTABLISHED'
    contains "$TESTTMP/preload" 'A  LISTEN'
    run "$SOCKLEAK" run --kinds all -- "$VICTIMS/trust" open 3>&- 4>&-
    grep -E '^  fd ' <<<"$output" | sed -E 's/127.0.0.1:[0-9]+/A/g' | sort >"$TESTTMP/run.fds"
    diff "$TESTTMP/preload" "$TESTTMP/run.fds"
}

# ended_by SIGNAL TARGET OPTIONS WORD...: `run` over the victim with WORD, and SIGNAL to it (run) or to the program itself (program) once it is ready
ended_by()
{
    local sig=$1 target=$2 options=$3 child
    shift 3
    # shellcheck disable=SC2086 # several options
    start run "$SOCKLEAK" run $options -- "$VICTIMS/trust" "$@"
    wait_for 20 grep -q ready "$TESTTMP/run.out"
    child=$(pgrep -P "$pid")
    if [ "$target" = run ]; then kill "-$sig" "$pid"; else kill "-$sig" "$child"; fi
    wait "$pid" || status=$?
    cat "$TESTTMP/run.err"
}

@test "run checks before it passes on a signal that ends the program, and reports what is stuck" {
    ended_by TERM run "" wait 2
    [ "$status" -eq 143 ]
    contains "$TESTTMP/run.err" 'WARNING: sockleak: 2 sockets hung up'
    ended_by TERM run "--kinds all" wait 0 open
    [ "$status" -eq 143 ]
    contains "$TESTTMP/run.err" 'fd 4  127.0.0.1:[0-9]+ -> 127.0.0.1:[0-9]+  ESTABLISHED'
}

@test "run has a last word of a program that makes the system call of its end itself" {
    run "$SOCKLEAK" run --exitcode 23 -- "$VICTIMS/trust" own_exit
    contains "$output" '^==[0-9]+==sockleak: ended by a system call of its own, not through exit, before anything was checked; open then:$'
    contains "$output" '#0 leak_hangup '
    lacks "$output" 'SUMMARY|unread 0'
    [ "$status" -eq 0 ]
}

@test "run has a last word of a program that a signal ended, checked or not" {
    ended_by KILL program "" wait 2
    [ "$status" -eq 137 ]
    contains "$TESTTMP/run.err" '^==[0-9]+==sockleak: ended by SIGKILL before anything was checked; open then:$'
    contains "$TESTTMP/run.err" '#0 leak_hangup '
    lacks "$TESTTMP/run.err" 'SUMMARY|nothing is wrong'
    ended_by TERM run "" wait 0 open
    contains "$TESTTMP/run.err" '^==[0-9]+==sockleak: ended by SIGTERM; nothing was stuck at the last look \(5 sockets open\)$'
    ended_by TERM program "" wait 0
    contains "$TESTTMP/run.err" '^==[0-9]+==sockleak: ended by SIGTERM; no socket of it was recorded$'
    run "$SOCKLEAK" run -- sh -c 'exit 143'
    [ "$status" -eq 143 ]
    lacks "$output" 'ended by'
}

@test "a file of another version is read, and what it lacks is said; one of a newer format is refused in one line" {
    local version
    version=$("$SOCKLEAK" --version | sed 's/.* //')
    "$VICTIMS/report_statefile" "$TESTTMP/file" 1 3
    run "$SOCKLEAK" report "$TESTTMP/file"
    lacks "$output" 'recorded by'
    python3 - "$TESTTMP/file" "$version" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    head = f.read(4096)
    at = head.find(sys.argv[2].encode())
    f.seek(at if at > 0 else 1064 - 32)
    f.write(b"9.9.9\0")
PY
    run "$SOCKLEAK" report "$TESTTMP/file"
    [ "$status" -eq 0 ]
    contains "$output" 'process [0-9]+ was recorded by sockleak 9\.9\.9, newer than this command: what is new in it is not shown'
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    printf '\377' | dd of="$TESTTMP/file" bs=1 seek=8 conv=notrunc status=none
    run "$SOCKLEAK" report "$TESTTMP/file"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" "written by a newer sockleak: read it with that version's command"
}
