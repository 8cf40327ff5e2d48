#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status, $lines and $pid come from bats and the helpers
# 44-attach-anywhere: several processes, no descriptor left, other roots and users, 5,000 threads; what attach says, and where reports go.

load helpers

root_only() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# start_fed NAME COMMAND...: as start, with what ask writes as its input
start_fed()
{
    local name=$1 fd
    shift
    mkfifo "$TESTTMP/$name.in"
    start "$name" bash -c 'exec "$@" <"$0"' "$TESTTMP/$name.in" "$@"
    exec {fd}>"$TESTTMP/$name.in"
    FEED[$pid]=$fd
    wait_for 20 grep -q . "$TESTTMP/$name.out"
}

setup()
{
    helpers_setup
    declare -gA FEED=()
    AS=()
}

feed() { echo "$2" >&"${FEED[$1]}"; } # PID WORD

# stuck PID COUNT FUNCTION: for wait_for. Its report has COUNT sockets in CLOSE_WAIT that FUNCTION opened
stuck()
{
    "$SOCKLEAK" report --min-age 0 --format json "$1" >"$TESTTMP/report.json"
    [ "$(json "$TESTTMP/report.json" "sum(l['count'] for l in leaks if any(f['symbol'] == '$3' for f in l['frames']))")" = "$2" ]
}

# jail PROGRAM: a root of its own in $JAIL, with the program as /victim and what it loads
jail()
{
    local library
    JAIL=$TESTTMP/jail
    mkdir -p "$JAIL/tmp" "$JAIL/dev/shm" "$JAIL/proc"
    chmod 1777 "$JAIL/tmp" "$JAIL/dev/shm"
    cp "$1" "$JAIL/victim"
    for library in $(ldd "$1" | grep -o '/[^ ]*'); do
        mkdir -p "$JAIL$(dirname "$library")"
        cp -L "$library" "$JAIL$library"
    done
}

# records_in NAME: after an attach to $pid: its next socket is reported with its stack, no file is left, and it ends as it would have
records_in()
{
    feed "$pid" open
    wait_for 20 stuck "$pid" 1 leak_plainly
    contains "/proc/$pid/maps" 'libsockleak.so.* \(deleted\)$'
    run bash -c "ls -l /proc/$pid/fd | grep -c memfd"
    [ "$output" = 0 ]
    [ -z "$(find "/proc/$pid/root/tmp" "/proc/$pid/root/dev/shm" -maxdepth 1 -name 'libsockleak*')" ]
    "$SOCKLEAK" detach "$pid"
    lacks "$TESTTMP/$1.err" sockleak
}

@test "several processes at once: each is attached to, said, and one that is not there does not keep the others" {
    start_fed one "$VICTIMS/attach_leaks"
    one=$pid
    start_fed two "$VICTIMS/attach_leaks"
    two=$pid
    true &
    gone=$!
    wait "$gone"
    run "$SOCKLEAK" attach "$one" "$gone" "$two" "$one"
    [ "$status" -eq 1 ]
    contains "$output" "^process $one \(attach_leaks\): the agent was loaded, and records\$"
    contains "$output" "^next: sockleak report $one\$"
    contains "$output" "no process $gone;"
    contains "$output" "^process $two \(attach_leaks\): the agent was loaded, and records\$"
    for pid in "$one" "$two"; do
        feed "$pid" open
        wait_for 20 stuck "$pid" 1 leak_plainly
    done
    run "$SOCKLEAK" attach "$one" x
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" = 1 ]
}

@test "with --for several processes are reported and detached" {
    start_fed one "$VICTIMS/attach_leaks"
    one=$pid
    start_fed two "$VICTIMS/attach_leaks"
    two=$pid
    "$SOCKLEAK" attach --for 8s --grace 100ms "$one" "$two" >"$TESTTMP/said" 2>"$TESTTMP/said.err" &
    attach=$!
    STARTED+=("$attach")
    for pid in "$one" "$two"; do
        wait_for 20 grep -q 'libsockleak' "/proc/$pid/maps"
        sleep 0.5
        feed "$pid" open
    done
    wait "$attach"
    for pid in "$one" "$two"; do
        contains "$TESTTMP/said" "^==$pid==WARNING: sockleak: [12] sockets? stuck in CLOSE_WAIT"
        run "$SOCKLEAK" detach "$pid"
        contains "$output" 'detached already|is not recording|is dormant'
    done
    [ ! -s "$TESTTMP/said.err" ]
}

@test "on a terminal --for shows the time that is left" {
    command -v script >/dev/null || skip "no script(1)"
    start_fed one "$VICTIMS/attach_leaks"
    script -qec "'$SOCKLEAK' attach --for 3s $pid" /dev/null >"$TESTTMP/terminal" </dev/null
    contains "$TESTTMP/terminal" 'recording for another [23] s \(Ctrl-C ends it\)'
    contains "$TESTTMP/terminal" 'recording for another [12] s'
}

@test "without --log the process' own output gets nothing; --log names a file, or stderr" {
    for how in none file stderr; do
        start_fed "$how" "$VICTIMS/attach_leaks"
        case $how in
        none) set -- ;;
        file) set -- --log "$TESTTMP/log" ;;
        stderr) set -- --log stderr ;;
        esac
        run "$SOCKLEAK" attach --grace 100ms "$@" "$pid"
        [ "$status" -eq 0 ]
        feed "$pid" open
        wait_for 20 stuck "$pid" 1 leak_plainly
        case $how in
        none)
            sleep 1
            lacks "$TESTTMP/none.err" sockleak
            ;;
        file)
            contains "$output" "; reports go to $TESTTMP/log.PID\$"
            wait_for 20 grep -q 'leak_plainly' "$TESTTMP/log.$pid"
            lacks "$TESTTMP/file.err" sockleak
            ;;
        stderr)
            contains "$output" "; reports go to stderr of the process\$"
            wait_for 20 grep -q 'leak_plainly' "$TESTTMP/stderr.err"
            ;;
        esac
    done
    (cd "$TESTTMP" && "$SOCKLEAK" attach --log relative "$pid")
    feed "$pid" open
    wait_for 20 grep -q 'leak_plainly' "$TESTTMP/relative.$pid"
}

@test "a dormant agent that is woken is quiet, but a file that was named when it was preloaded stays" {
    start_dormant() # NAME OPTIONS
    {
        start_fed "$1" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="enabled=0:grace=100ms:interval=50ms$2" "$VICTIMS/attach_leaks"
        run "$SOCKLEAK" attach "$pid"
        [ "${lines[0]}" = "process $pid (attach_leaks): its agent was dormant, and records now" ]
        feed "$pid" open
        wait_for 20 stuck "$pid" 1 leak_plainly
    }
    start_dormant quiet ''
    start_dormant named ":log_path=$TESTTMP/users"
    wait_for 20 grep -q leak_plainly "$TESTTMP/users.$pid"
    lacks "$TESTTMP/quiet.err" sockleak
}

@test "a log that the process cannot write does not go to its standard error" {
    start_fed v "$VICTIMS/attach_leaks"
    run "$SOCKLEAK" attach --log /nowhere/log "$pid"
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak attach: --log /nowhere/log: process $pid (attach_leaks) sees no directory /nowhere" ]
    lacks "/proc/$pid/maps" libsockleak
    mkdir "$TESTTMP/gone"
    "$SOCKLEAK" attach --grace 100ms --log "$TESTTMP/gone/log" "$pid"
    rmdir "$TESTTMP/gone"
    feed "$pid" open
    wait_for 20 stuck "$pid" 1 leak_plainly
    sleep 1
    lacks "$TESTTMP/v.err" sockleak
}

@test "on a process that records already, grace, kinds and log are changed" {
    start_fed v "$VICTIMS/attach_leaks"
    "$SOCKLEAK" attach --grace 1h "$pid"
    feed "$pid" open
    wait_for 20 stuck "$pid" 1 leak_plainly
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'none for 1 h yet'
    run "$SOCKLEAK" attach --grace 100ms --log "$TESTTMP/log" "$pid"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "process $pid (attach_leaks): records already, and now as asked for; reports go to $TESTTMP/log.PID" ]
    wait_for 20 grep -q leak_plainly "$TESTTMP/log.$pid"
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'leak_plainly'
    "$SOCKLEAK" attach --kinds dead "$pid"
    run "$SOCKLEAK" report "$pid"
    lacks "$output" 'CLOSE_WAIT'
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 1 ]
    contains "$output" 'recording already'
}

# full NAME SOFT HARD: a process whose descriptors are all in use, started by AS
full()
{
    [ -x "$TESTTMP/full" ] || build_victim full - <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct rlimit limit = {strtoul(argv[1], NULL, 10), strtoul(argv[argc - 1], NULL, 10)};
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int said = 0;; usleep(50000)) {
        while (socket(AF_INET, SOCK_STREAM, 0) >= 0)
            ;
        if (!said++)
            puts("full"), fflush(stdout);
    }
}
C
    start "$1" "${AS[@]}" "$TESTTMP/full" "$2" "$3"
    wait_for 20 grep -q full "$TESTTMP/$1.out"
}

# attached_at_its_limit: $pid, of LIMIT descriptors that are all in use
attached_at_its_limit()
{
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "$2, and records"
    contains "/proc/$pid/limits" "^Max open files +$1 +"
    # it got none of the numbers, and has all that it had
    [ "$(find "/proc/$pid/fd" -type l | wc -l)" -eq "$1" ]
    run "$SOCKLEAK" report --kinds all --min-age 0 "$pid"
    contains "$output" '3[0-9] sockets'
    # another thread, to load the library, is not there any more: the watcher is
    [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq 2 ]
}

@test "F5: a process without a descriptor left is attached to, and takes none" {
    for hard in 40 60; do
        full "v$hard" 40 "$hard"
        attached_at_its_limit 40 "the agent was loaded"
    done
}

@test "F5: a preloaded agent that is dormant is woken without a descriptor left" {
    AS=(env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=enabled=0)
    full v 40 40
    attached_at_its_limit 40 "its agent was (dormant|asleep)"
}

@test "F5: a library that is not visible is handed over without a descriptor left" {
    root_only
    mkdir "$TESTTMP/there"
    cp "$AGENT" "$TESTTMP/there/libsockleak.so"
    AS=(unshare -m sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$TESTTMP/there")
    full v 40 40
    SOCKLEAK_LIBRARY=$TESTTMP/there/libsockleak.so attached_at_its_limit 40 "the agent was loaded from memory, as the library is not visible there"
}

@test "F5: a python3 and a node server are attached to at their limit, and serve on" {
    cat >"$TESTTMP/server.py" <<'PY'
import socket, time
kept, listener = [], socket.create_server(("127.0.0.1", 0), backlog=100)
while True:
    try:
        kept.append(socket.create_connection(listener.getsockname()))
        kept.append(listener.accept()[0])
    except OSError:
        print("full", flush=True)
        time.sleep(0.1)
PY
    cat >"$TESTTMP/server.js" <<'JS'
const net = require('net'), kept = [];
const server = net.createServer(socket => kept.push(socket)).listen(0, '127.0.0.1', more);
function more() {
    const client = net.connect(server.address().port, '127.0.0.1', () => { kept.push(client); more(); });
    client.on('error', () => { console.log('full'); setTimeout(more, 100); });
}
JS
    for program in "python3 $TESTTMP/server.py" "node $TESTTMP/server.js"; do
        command -v "${program%% *}" >/dev/null || continue
        start v bash -c "ulimit -n 40; exec $program"
        wait_for 20 grep -q full "$TESTTMP/v.out"
        run "$SOCKLEAK" attach "$pid"
        [ "$status" -eq 0 ]
        contains "$output" "the agent was loaded, and records"
        contains "/proc/$pid/limits" "^Max open files +40 +40 "
        : >"$TESTTMP/v.out"
        wait_for 20 grep -q full "$TESTTMP/v.out"
        run "$SOCKLEAK" report --kinds all --min-age 0 "$pid"
        contains "$output" '[0-9]+ sockets (still open|not connected)'
        kill "$pid"
    done
}

@test "F5: where no thread can be made the limit is raised for the moment" {
    AS=("$VICTIMS/close_range_refused" kill)
    full v 40 60
    root_only
    attached_at_its_limit 40 "the agent was loaded"
}

@test "F5: where no thread can be made and the limit cannot be raised, the refusal says so, and the process is as before" {
    local as=()
    cp "$SOCKLEAK" "$AGENT" "$TESTTMP/"
    if [ "$(id -u)" = 0 ]; then
        chmod 755 "$TESTTMP"
        as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    fi
    AS=("${as[@]}" prlimit --nproc=1:1)
    full v 40 40
    run "${as[@]}" "$TESTTMP/sockleak" attach "$pid"
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak attach: process $pid (full) has no descriptor left; it may make no thread that loads the library (Resource temporarily unavailable), and its limit of 40 cannot be raised: that takes CAP_SYS_RESOURCE, run this as root; 'sockleak scan $pid' says what holds them" ]
    lacks "/proc/$pid/maps" libsockleak
    contains "/proc/$pid/limits" "^Max open files +40 +40 "
}

@test "a library that the process does not see is handed over in memory: other file system, another file, noexec" {
    root_only
    unshare -m true 2>/dev/null || skip "no mount namespaces here"
    mkdir "$TESTTMP/lib"
    cp "$AGENT" "$SOCKLEAK" "$TESTTMP/lib/"
    cp "$VICTIMS/attach_leaks" "$TESTTMP/"
    for how in none another noexec; do
        case $how in
        none) does='true' ;;
        another) does='echo other >"$0/lib/libsockleak.so"' ;;
        noexec) does='cp "$0/libsockleak.so" "$0/lib/" && mount -o remount,noexec "$0/lib"' ;;
        esac
        cp "$AGENT" "$TESTTMP/"
        start_fed "$how" unshare -m sh -c "mount -t tmpfs none \"\$0/lib\" && $does && exec \"\$0/attach_leaks\"" "$TESTTMP"
        run "$TESTTMP/lib/sockleak" attach "$pid"
        [ "$status" -eq 0 ]
        [ "${lines[0]}" = "process $pid (attach_leaks): the agent was loaded from memory, as the library is not visible there, and records" ]
        records_in "$how"
    done
}

@test "a process of another user, who may not go where the library lies, is attached to by root" {
    root_only
    mkdir -m 700 "$TESTTMP/lib"
    cp "$AGENT" "$SOCKLEAK" "$TESTTMP/lib/"
    chmod 755 "$TESTTMP"
    cp "$VICTIMS/attach_leaks" "$TESTTMP/"
    start_fed v setpriv --reuid 65534 --regid 65534 --clear-groups "$TESTTMP/attach_leaks"
    run "$TESTTMP/lib/sockleak" attach "$pid"
    [ "$status" -eq 0 ]
    contains "${lines[0]}" "the agent was loaded from memory, as the library is not visible there, and records\$"
    records_in v
}

@test "in a chroot without /proc the library comes from a file, which is gone afterwards" {
    root_only
    jail "$VICTIMS/attach_leaks"
    start_fed v chroot "$JAIL" /victim
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "process $pid (victim): the agent was loaded from a file put into its root for the moment, as the library is not visible there, and records" ]
    [ -z "$(find "$JAIL" -name '*sockleak.so*')" ]
    records_in v
}

@test "a directory in which another user could put something else in the file's place is not used" {
    root_only
    jail "$VICTIMS/attach_leaks"
    chmod 777 "$JAIL/tmp" "$JAIL/dev/shm"
    chmod 775 "$JAIL"
    ln -s "$TESTTMP" "$JAIL/run"
    start_fed v chroot "$JAIL" /victim
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" = 1 ]
    contains "$output" "^sockleak attach: process $pid \(victim\) has no .*/libsockleak.so in its file system, and the library could be handed over neither in memory \(.*\) nor as a file \(no directory of its root takes a file that it may execute .*\): copy .*/libsockleak.so to where"
    lacks "/proc/$pid/maps" libsockleak
    [ -z "$(find "$JAIL" "$TESTTMP" -name 'libsockleak.so.*')" ]
    feed "$pid" open
    wait_for 20 grep -q done "$TESTTMP/v.out"
}

@test "a container: pid, mount and network namespaces of its own and a read-only root, attached to from outside" {
    root_only
    unshare -p -m -n -f true 2>/dev/null || skip "no namespaces here"
    jail "$VICTIMS/attach_leaks"
    mkdir "$JAIL/old"
    start_fed v unshare -p -m -n -f sh -c '
ip link set lo up
mount --bind "$0" "$0"
mount -t proc none "$0/proc"
mount -t tmpfs none "$0/dev/shm"
mount -o remount,ro,bind "$0"
cd "$0" && pivot_root . old
exec "old$1" . /victim' "$JAIL" "$(command -v chroot)"
    outer=$pid
    pid=$(pgrep -P "$outer")
    [ "$(sed -n 's/^NSpid:.*\t//p' "/proc/$pid/status")" = 1 ]
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ]
    contains "${lines[0]}" "^process $pid \(victim\): the agent was loaded from memory"
    feed "$outer" open
    wait_for 20 stuck "$pid" 1 leak_plainly
    "$SOCKLEAK" detach "$pid"
}

@test "a process with 5,000 threads" {
    build_victim threads - -pthread <<'C'
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *sleeps(void *arg)
{
    pause();
    return arg;
}
int main(void)
{
    pthread_attr_t small;
    pthread_t t;
    char c;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < 5000; i++)
        if (pthread_create(&t, &small, sleeps, NULL) != 0)
            return puts("too many"), 0;
    puts("ready");
    fflush(stdout);
    return read(0, &c, 1) < 0;
}
C
    start_fed v "$TESTTMP/threads"
    grep -q ready "$TESTTMP/v.out" || skip "so many threads are not allowed here"
    "$SOCKLEAK" attach "$pid"
    contains "/proc/$pid/maps" libsockleak
    "$SOCKLEAK" detach "$pid"
    feed "$pid" x
    wait "$pid"
}
