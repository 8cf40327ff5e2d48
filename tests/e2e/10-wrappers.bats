#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The wrapped calls: each close is seen, each end that the program is told of is kept, and the program cannot tell that anybody looks.

load helpers

# The leaks that VICTIM leaves, as lines `kind origin eof`, and with COUNTS=1 ` count opened closed`; its own output must be empty.
left_by()
{
    rm -f "$TESTTMP"/log*
    with_agent "log_format=json:log_path=$TESTTMP/log.%p:${WITH-}" "$@" || return
    cat "$TESTTMP"/log.* >"$TESTTMP/log" 2>/dev/null || return 0
    json "$TESTTMP/log" '"\n".join(f"{l['"'kind'"']} {l['"'sockets'"'][0]['"'origin'"']} {l['"'eof'"']}" + (f" {l['"'count'"']} {l['"'opened'"']} {l['"'closed'"']}" if "'"${COUNTS-}"'" else "") for l in leaks)' | sed '/^$/d'
}

# left_by, which must give WANTED.
expect_left()
{
    local wanted=$1 got
    shift
    got=$(left_by "$@") || { echo "$* failed: status $?, $got"; return 1; }
    [[ $got == "$wanted" ]] || { printf '%s left: %s\nwanted: %s\n' "$*" "$got" "$wanted"; return 1; }
}

# The same output, errors and status with and without the agent.
same_as_bare()
{
    local bare=0 watched=0
    "$@" >"$TESTTMP/bare.out" 2>"$TESTTMP/bare.err" 3>&- 4>&- </dev/null || bare=$?
    with_agent "log_path=$TESTTMP/log.%p:${WITH-}" "$@" >"$TESTTMP/watched.out" 2>"$TESTTMP/watched.err" </dev/null || watched=$?
    [[ $bare == "$watched" ]] || { echo "status $bare bare, $watched with the agent"; return 1; }
    diff "$TESTTMP/bare.out" "$TESTTMP/watched.out" && diff "$TESTTMP/bare.err" "$TESTTMP/watched.err"
}

@test "B3: the list of wrapped calls, the version script, the library and libc agree" {
    "$TOP/scripts/check-wrapped" "$AGENT"
}

@test "the library's own names are counted one by one: one that the header does not speak of is told" {
    mkdir -p "$TESTTMP/tree/scripts" "$TESTTMP/tree/include" "$TESTTMP/tree/lib/agent/libc"
    cp "$TOP/scripts/check-wrapped" "$TESTTMP/tree/scripts"
    cp "$TOP/lib/agent/libc/wrapped.def" "$TESTTMP/tree/lib/agent/libc"
    cp "$TOP/lib/agent/libsockleak.map" "$TESTTMP/tree/lib/agent"
    sed 's/sockleak_tag\|sockleak_attach_entry/x/' "$TOP/include/sockleak.h" >"$TESTTMP/tree/include/sockleak.h"
    lacks "$TOP/lib/agent/libsockleak.map" 'sockleak_\*'
    run "$TESTTMP/tree/scripts/check-wrapped" "$AGENT"
    [ "$status" -eq 1 ]
    contains "$output" 'not in include/sockleak.h: sockleak_tag'
    contains "$output" 'not in include/sockleak.h: sockleak_attach_entry'
}

@test "the list is compared in earnest: a name that libc has under another alias is missed" {
    mkdir -p "$TESTTMP/tree/scripts" "$TESTTMP/tree/lib/agent/libc"
    cp -r "$TOP/include" "$TESTTMP/tree"
    cp "$TOP/scripts/check-wrapped" "$TESTTMP/tree/scripts"
    sed '/, __read_chk,/d' "$TOP/lib/agent/libc/wrapped.def" >"$TESTTMP/tree/lib/agent/libc/wrapped.def"
    cp "$TOP/lib/agent/libsockleak.map" "$TESTTMP/tree/lib/agent"
    run "$TESTTMP/tree/scripts/check-wrapped" "$AGENT"
    [ "$status" -eq 1 ]
    contains "$output" 'libc.*__read_chk'
    contains "$output" 'libsockleak.map, missing in lib/agent/libc/wrapped.def: __read_chk'
}

closed_one() { COUNTS=1 expect_left "close_wait accept unread 1 2 1" "$VICTIMS/wrap_closes" "$1"; }
closed_none() { COUNTS=1 expect_left "close_wait accept unread 2 2 0" "$VICTIMS/wrap_closes" "$1"; }

@test "B1: a socket closed through stdio is not reported" {
    for way in fclose fclose_of_two freopen; do
        closed_one $way
    done
}

@test "B2: a socket closed by syscall(SYS_close) and its like is not reported" {
    for way in syscall_close syscall_close_range syscall_dup3; do
        closed_one $way
    done
}

@test "B3: a socket closed under an alias is not reported" {
    for way in close __close __dup2; do
        closed_one $way
    done
}

@test "B4: a socket closed by close_range or closefrom is not reported" {
    for way in close_range closefrom; do
        closed_one $way
    done
    COUNTS='' expect_left "close_wait accept unread" "$VICTIMS/wrap_closes" close_range_unshare
    contains "$(cat "$TESTTMP/log")" '"count":1,'
}

state_files_gone() { [[ -z $(find "$XDG_RUNTIME_DIR" -name '*.sockleak') ]]; }

@test "B4: daemon ends the parent as _exit does: in good order, and with what it held" {
    expect_left "" "$VICTIMS/wrap_closes" clean_daemon
    wait_for 20 state_files_gone
    # of what the child of the fork reads the parent sees nothing
    COUNTS=1 expect_left "close_wait accept None 2 2 0" "$VICTIMS/wrap_closes" daemon
}

@test "B4: close_range that only marks, or fails, closes nothing" {
    for way in kept_cloexec kept_bad_range; do
        closed_none $way
    done
}

@test "B5: dup2 and dup3 onto a socket close it" {
    for way in dup2 __dup2 dup3 moved; do
        closed_one $way
    done
}

@test "B5: a socket lives on in its duplicate, with the stack that opened it" {
    for way in kept_dup kept_dup2 kept_F_DUPFD kept_F_DUPFD_CLOEXEC; do
        closed_none $way
    done
}

@test "B5: a dup2 that fails or goes to itself closes nothing" {
    for way in kept_dup2_self kept_dup2_failed kept_dup3_failed; do
        closed_none $way
    done
}

@test "an exec that fails loses nothing" {
    closed_none kept_exec_failed
}

@test "B6: a connection that came in a message is known as received" {
    for call in recvmsg recvmmsg; do
        expect_left "hangup received None" "$VICTIMS/wrap_sockets" $call
    done
}

@test "B7: accept4, socketpair, seqpacket and calls by number are tracked like the rest" {
    expect_left "close_wait accept unread" "$VICTIMS/wrap_sockets" accept4
    expect_left "close_wait accept unread" "$VICTIMS/wrap_sockets" syscall_accept4
    expect_left "hangup socketpair unread" "$VICTIMS/wrap_sockets" socketpair
    expect_left "hangup socketpair unread" "$VICTIMS/wrap_sockets" seqpacket
}

@test "B7: an MPTCP socket is tracked like TCP" {
    "$VICTIMS/wrap_sockets" mptcp || skip "this kernel has no MPTCP"
    expect_left "never_connected socket None" "$VICTIMS/wrap_sockets" mptcp
}

@test "B8: every receiving call tells of the end" {
    for call in recv __recv __recv_chk recvfrom __recvfrom_chk read __read __read_chk readv preadv2 preadv64v2 recvmsg recvmmsg splice peek \
        syscall_read syscall_recvfrom; do
        expect_left "close_wait accept read" "$VICTIMS/wrap_told" $call
    done
}

@test "B8: the stack that was told of the end is the receiving call's" {
    left_by "$VICTIMS/wrap_told" readv
    [ "$(json "$TESTTMP/log" 'leaks[0]["eof_frames"][0]["symbol"]')" = told_by ]
}

@test "B8: an empty buffer, an empty vector and the error queue tell nothing" {
    for call in not_zero_length not_empty_vector not_errqueue; do
        expect_left "close_wait accept unread" "$VICTIMS/wrap_told" $call
    done
}

@test "every wrapped call gives the result and errno that it gives without us" {
    same_as_bare "$VICTIMS/wrap_results"
    [ "$(wc -l <"$TESTTMP/bare.out")" -gt 60 ]
}

@test "the same while the agent is dormant" {
    WITH=enabled=0 same_as_bare "$VICTIMS/wrap_results"
}

@test "C5: a thread that is cancelled inside a wrapped call cleans up, and all works on" {
    # With -fexceptions the clean-up is a frame's, as C++ destructors are: the unwinder has to find its way through our frame.
    build_victim unwound "$TOP/tests/victims/wrap_cancel.c" -w -fexceptions -I"$TOP/tests/victims"
    for call in recv read readv recvmsg accept accept4 poll; do
        expect_left "close_wait socket read" "$VICTIMS/wrap_cancel" $call
        expect_left "close_wait socket read" "$TESTTMP/unwound" $call
    done
    # A close that was cancelled before the kernel came to it has closed nothing.
    expect_left $'close_wait socket read\nclose_wait unseen None' "$VICTIMS/wrap_cancel" close
    expect_left $'close_wait socket read\nclose_wait unseen None' "$TESTTMP/unwound" close
}

build_preload() # NAME: tests/victims/preload/NAME.c
{
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -O1 -fno-builtin -fno-inline -shared -fPIC -o "$TESTTMP/$1.so" "$TOP/tests/victims/preload/$1.c" -ldl
}

@test "B12: an allocator that reads and closes in its first call starts before us or after us, and what it opened is known" {
    build_preload early
    for order in "$TESTTMP/early.so:$AGENT" "$AGENT:$TESTTMP/early.so"; do
        rm -f "$TESTTMP"/log*
        run env LD_PRELOAD="$order" SOCKLEAK_OPTIONS="kinds=all:log_format=json:log_path=$TESTTMP/log.%p" "$VICTIMS/wrap_told" recv
        [ "$status" -eq 0 ]
        [ "$output" = "" ]
        cat "$TESTTMP"/log.* >"$TESTTMP/log"
        [ "$(json "$TESTTMP/log" 'sorted((l["kind"], l["frames"][0]["symbol"]) for l in leaks)')" = \
            "[('close_wait', 'main'), ('open', 'begin')]" ]
    done
}

@test "B13: another preload library keeps its place, before us and after us" {
    build_preload counter
    env LD_PRELOAD="$TESTTMP/counter.so" "$VICTIMS/wrap_results" >/dev/null 2>"$TESTTMP/bare.err" || true
    contains "$TESTTMP/bare.err" 'sockets [1-9].*receives [1-9].*closes [1-9].*controls [1-9]'
    for order in "$TESTTMP/counter.so:$AGENT" "$AGENT:$TESTTMP/counter.so"; do
        env LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$VICTIMS/wrap_results" >/dev/null 2>"$TESTTMP/both.err" || true
        diff "$TESTTMP/bare.err" "$TESTTMP/both.err"
        env LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/leak.%p" "$VICTIMS/wrap_told" recv 2>/dev/null
        contains "$(cat "$TESTTMP"/leak.*)" '1 socket.*CLOSE_WAIT'
        rm -f "$TESTTMP"/leak.*
    done
}

sanitized() # FLAG...: wrap_results and a leak of a socket under a sanitizer, bare and with the agent
{
    build_victim results "$TOP/tests/victims/wrap_results.c" -w -I"$TOP/tests/victims" "$@" || skip "this compiler has no $*"
    build_victim told "$TOP/tests/victims/wrap_told.c" -w -I"$TOP/tests/victims" "$@"
    local runtime
    runtime=$(ldd "$TESTTMP/told" | sed -n 's/.*lib[at]san[^ ]* => \([^ ]*\).*/\1/p')
    export ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=report_bugs=1
    "$TESTTMP/results" >"$TESTTMP/bare.out" 2>"$TESTTMP/bare.err" || true
    # The sanitizer wants to be first, and says so; it may be listed there as well.
    LD_PRELOAD="$runtime:$AGENT" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$TESTTMP/results" >"$TESTTMP/both.out" 2>"$TESTTMP/both.err" || true
    diff "$TESTTMP/bare.out" "$TESTTMP/both.out"
    diff <(sed 's/==[0-9]*==//' "$TESTTMP/bare.err") <(sed 's/==[0-9]*==//' "$TESTTMP/both.err")
    LD_PRELOAD="$runtime:$AGENT" SOCKLEAK_OPTIONS="log_path=$TESTTMP/leak.%p" "$TESTTMP/told" recv
    contains "$(cat "$TESTTMP"/leak.*)" '1 socket.*CLOSE_WAIT'
}

@test "B13: a program with AddressSanitizer behaves the same and is watched" {
    sanitized -fsanitize=address
}

@test "B13: a program with ThreadSanitizer behaves the same and is watched" {
    sanitized -fsanitize=thread
}

@test "B13: allocators and other libraries that are often preloaded work with us in either order" {
    local found=0 library
    for library in libjemalloc.so.2 libtcmalloc_minimal.so.4 libeatmydata.so; do
        [[ $(LD_PRELOAD=$library true 2>&1) ]] && continue # the loader complains when it is not installed
        found=$((found + 1))
        for order in "$library:$AGENT" "$AGENT:$library"; do
            env LD_PRELOAD="$library" "$VICTIMS/wrap_results" >"$TESTTMP/bare" 2>&1 || true
            env LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$VICTIMS/wrap_results" >"$TESTTMP/both" 2>&1 || true
            diff "$TESTTMP/bare" "$TESTTMP/both"
            rm -f "$TESTTMP"/log.*
            env LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$VICTIMS/wrap_told" recv
            contains "$(cat "$TESTTMP"/log.*)" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
        done
    done
    ((found)) || skip "none of them is installed"
}

# The instructions of an exported function from its entry to its first return, which is the way of a call that returns data.
straight_line()
{
    objdump -d --no-show-raw-insn --disassemble="$1" "$AGENT" | awk '/^[0-9a-f]+ <.*>:$/ { n = 0 } /^ +[0-9a-f]+:/ { n++ } /\tret/ { print n; exit }'
}

@test "a receive or a send costs at most 20 instructions over the bare call where its socket's last use is kept, and makes no call" {
    [[ $(uname -m) == x86_64 && $(basename "$BUILD") != *debug* && $(basename "$BUILD") != *thread* && $(basename "$BUILD") != *address* ]] ||
        skip "counted in an optimised build for x86-64"
    for call in recv __recv __recv_chk recvfrom __recvfrom_chk read __read __read_chk readv pread preadv2 recvmsg splice \
        write __write writev send sendto sendmsg sendmmsg sendfile; do
        n=$(straight_line $call)
        case $call in
        # they look for descriptors; it has more arguments than registers
        recvmsg | sendmsg | __recvfrom_chk) limit=23 ;;
        splice) limit=29 ;;                   # of two sockets
        *) limit=20 ;;
        esac
        [[ $n -ge 5 && $n -le $limit ]] || { echo "$call: $n instructions"; return 1; }
    done
}
