#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What cannot be attached to is refused in one line that says why, and runs on untouched.

load helpers

REFUSES=tests/victims/attach_refuses.c # built anew in other ways

# start_fed NAME COMMAND...: with an input that stays open until finish
start_fed()
{
    local name=$1
    shift
    mkfifo "$TESTTMP/$name.in"
    start "$name" bash -c 'exec "$@" <"$0"' "$TESTTMP/$name.in" "$@"
    exec {FEED}>"$TESTTMP/$name.in"
    wait_for 20 grep -q ready "$TESTTMP/$name.out"
}

# refused REGEX [COMMAND...]: attach (or COMMAND) to $pid fails with one line that matches
refused()
{
    local want=$1
    shift
    (($#)) || set -- "$SOCKLEAK" attach "$pid"
    run "$@"
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    contains "$output" "^sockleak attach: .*$want"
}

# unharmed NAME: it ends as it would have
unharmed()
{
    lacks "/proc/$pid/maps" libsockleak
    exec {FEED}>&-
    wait "$pid"
    contains "$TESTTMP/$1.out" '^fine$'
}

@test "a process that does not exist" {
    sleep 0 &
    pid=$!
    wait "$pid"
    refused 'no process'
}

@test "a number that is no pid is wrong usage" {
    for word in 0 -5 99999999999 x ''; do
        run "$SOCKLEAK" attach -- "$word"
        [ "$status" = 2 ]
    done
    run "$SOCKLEAK" attach
    [ "$status" = 2 ]
    run "$SOCKLEAK" detach 1 2
    [ "$status" = 2 ]
}

@test "a zombie" {
    start parent python3 -c 'import os, time
p = os.fork()
if not p: os._exit(0)
print(p, flush=True)
time.sleep(60)'
    wait_for 20 test -s "$TESTTMP/parent.out"
    pid=$(cat "$TESTTMP/parent.out")
    wait_for 20 ended "$pid"
    refused 'has ended'
}

@test "a thread that is not the process" {
    start_fed sleeper python3 -c 'import threading, sys
threading.Thread(target=lambda: sys.stdin.read()).start()
print("ready", flush=True)'
    local process=$pid
    pid=$(ls "/proc/$process/task" | grep -vx "$process" | head -n 1)
    refused "thread of process $process"
    pid=$process
    exec {FEED}>&-
    wait "$pid"
}

@test "a static program" {
    build_victim static "$TOP/$REFUSES" -static 2>/dev/null || skip "no static libc"
    start_fed static "$TESTTMP/static"
    refused 'statically linked.*sockleak scan'
    unharmed static
}

@test "a 32-bit program" {
    echo 'void _start(void); void _start(void) { for (;;) { int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(29) : "memory"); } }' >"$TESTTMP/p.c"
    gcc -m32 -static -nostdlib -ffreestanding -fno-pic -o "$TESTTMP/p32" "$TESTTMP/p.c" || skip "no 32-bit compiler"
    python3 -c 'import subprocess, sys; subprocess.Popen(sys.argv[1:]).kill()' "$TESTTMP/p32" || skip "this kernel runs no 32-bit program"
    start p32 "$TESTTMP/p32"
    wait_for 20 eval "[ \"\$(readlink /proc/$pid/exe)\" = $TESTTMP/p32 ]"
    refused '32-bit'
    kill -0 "$pid"
}

@test "a program of another C library (musl) for which there is no agent" {
    command -v musl-gcc >/dev/null || skip "no musl-gcc"
    cp "$SOCKLEAK" "$AGENT" "$TESTTMP"
    SOCKLEAK=$TESTTMP/sockleak
    musl-gcc -D_GNU_SOURCE -idirafter /usr/include -idirafter "/usr/include/$(gcc -dumpmachine)" -o "$TESTTMP/musl" "$TOP/$REFUSES"
    start_fed musl "$TESTTMP/musl"
    refused 'musl'
    unharmed musl
}

@test "a process that is traced already" {
    start_fed victim "$VICTIMS/attach_refuses" plain
    local victim=$pid feed=$FEED
    start_fed tracer "$VICTIMS/attach_refuses" traced "$victim"
    local tracer=$pid
    pid=$victim
    refused "already traced by process $tracer \(attach_refuses\)"
    exec {FEED}>&-
    wait "$tracer"
    FEED=$feed
    unharmed victim
}

@test "a stopped process" {
    start_fed stopped "$VICTIMS/attach_refuses" plain
    kill -STOP "$pid"
    wait_for 20 grep -q '^State:.T' "/proc/$pid/status"
    refused 'is stopped'
    kill -CONT "$pid"
    unharmed stopped
}

@test "no permission" {
    if [ "$(id -u)" = 0 ]; then
        chmod 755 "$TESTTMP"
        start_fed victim "$VICTIMS/attach_refuses" plain
        # the build may lie where another user cannot go
        cp "$SOCKLEAK" "$AGENT" "$TESTTMP/"
        refused 'no permission.*belongs to user 0' setpriv --reuid 65534 --regid 65534 --clear-groups "$TESTTMP/sockleak" attach "$pid"
        unharmed victim
    else
        pid=1
        refused 'no permission.*belongs to user 0'
    fi
}

@test "a library that the process cannot load: the loader's reason is told, errno and the call that it was in are untouched" {
    gcc -shared -o "$TESTTMP/libnothere.so" -x c /dev/null
    gcc -shared -o "$TESTTMP/libbroken.so" -x c /dev/null -Wl,--no-as-needed -L"$TESTTMP" -lnothere
    rm "$TESTTMP/libnothere.so"
    start read "$VICTIMS/attach_blocked" read
    wait_for 20 grep -q ready "$TESTTMP/read.out"
    refused 'could not load .*libnothere.so: cannot open shared object file' env SOCKLEAK_LIBRARY="$TESTTMP/libbroken.so" "$SOCKLEAK" attach "$pid"
    wait "$pid"
    contains "$TESTTMP/read.out" '^read 1 EIO$'
}

@test "a C library that is older than the agent's: the version that it lacks, and what to do" {
    echo 'GLIBC_2.99 { of_tomorrow; };' >"$TESTTMP/map"
    gcc -shared -fPIC -Wl,-soname,libc.so.6 -Wl,--version-script="$TESTTMP/map" -o "$TESTTMP/libtomorrow.so" -x c - <<<'int of_tomorrow(void); int of_tomorrow(void) { return 0; }'
    gcc -shared -fPIC -o "$TESTTMP/libnewer.so" -x c - -x none -L"$TESTTMP" -ltomorrow <<<'int of_tomorrow(void); int it(void); int it(void) { return of_tomorrow(); }'
    start read "$VICTIMS/attach_blocked" read
    wait_for 20 grep -q ready "$TESTTMP/read.out"
    refused 'has an older C library than libsockleak.so was built for \(it lacks GLIBC_2.99\): build sockleak on a system like that, or use .sockleak scan [0-9]+.$' \
        env SOCKLEAK_LIBRARY="$TESTTMP/libnewer.so" "$SOCKLEAK" attach "$pid"
}

@test "E6: a seccomp filter that would kill the process" {
    start_fed filtered "$VICTIMS/attach_refuses" seccomp
    if [ "$(id -u)" = 0 ]; then
        refused 'seccomp filter that would kill it for openat'
    else
        refused 'seccomp filter'
    fi
    unharmed filtered
}

@test "E1: every thread inside the allocator" {
    start_fed busy "$VICTIMS/attach_refuses" allocator
    refused 'no thread .* safely within .* in valloc'
    unharmed busy
}

@test "a program that does not call the C library for its sockets" {
    command -v go >/dev/null || skip "no go"
    mkdir "$TESTTMP/g"
    echo 'package main
import ("net"; "os"; "fmt"; "io")
func main() { net.Listen("tcp", "127.0.0.1:0"); fmt.Println("ready"); io.ReadAll(os.Stdin); fmt.Println("fine") }' >"$TESTTMP/g/m.go"
    (cd "$TESTTMP/g" && CGO_ENABLED=0 go build -o ../gobin m.go) || skip "go cannot build here"
    start_fed gobin "$TESTTMP/gobin"
    refused 'sockleak scan'
    unharmed gobin
}

@test "the command itself, and detach of a process without the agent" {
    run bash -c 'exec "$0" attach $$' "$SOCKLEAK"
    [ "$status" = 1 ]
    contains "$output" 'this command itself'
    start_fed plain "$VICTIMS/attach_refuses" plain
    run "$SOCKLEAK" detach "$pid"
    [ "$status" = 1 ]
    contains "$output" 'not loaded'
    unharmed plain
}
