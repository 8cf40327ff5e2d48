# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# helpers.bash: what the end-to-end tests share. A test file begins with `load helpers`; that gives it setup and teardown.
#
#   $TOP $BUILD $AGENT $SOCKLEAK   the tree, the build, the library, the command
#   $TESTTMP                       a folder of this test's own, removed at its end; state files go there too (XDG_RUNTIME_DIR)
#
# A file that has a setup or teardown of its own calls helpers_setup and helpers_teardown in it.

# What runs for each test, or many times in one, starts no process: on a small machine these starts would be a third of the tests' time.

# Closes the descriptors that whoever started the tests has left open: what is counted is to be the test's own. 3 and 4 are bats'.
close_inherited()
{
    local fd info
    for fd in /proc/"$BASHPID"/fd/*; do
        fd=${fd##*/}
        ((fd > 4)) || continue
        info=
        { read -rd '' info <"/proc/$BASHPID/fdinfo/$fd" || :; } 2>/dev/null # at the end of a file it ends with a status
        [[ $info =~ flags:[[:space:]]*([0-7]+) ]] || continue
        ((0${BASH_REMATCH[1]} & 02000000)) || eval "exec $fd>&-" # the shell's own are close-on-exec
    done
}

helpers_setup()
{
    close_inherited
    TOP=${BATS_TEST_DIRNAME%/*/*}
    BUILD=${SOCKLEAK_BUILD:-$TOP/build}
    AGENT=$BUILD${SOCKLEAK_CAPTURE:+/$SOCKLEAK_CAPTURE}/libsockleak.so # a variant of the library alone
    SOCKLEAK=$BUILD/sockleak
    VICTIMS=$BUILD/victims
    EXAMPLES=$BUILD/examples
    if [[ ${SOCKLEAK_LIBC-} == musl ]]; then # the same tests, with musl's programs; in a shell the loader of glibc finds its own agent under that name
        AGENT=$BUILD/sockleak-preload/\$LIB/libsockleak.so VICTIMS=$BUILD/musl/victims CC=musl-gcc
        export CC
    fi
    export TOP BUILD AGENT SOCKLEAK VICTIMS EXAMPLES
    TESTTMP=${TMPDIR:-/tmp}/slt.$BASHPID.$RANDOM
    mkdir -m 700 "$TESTTMP" "$TESTTMP/run"
    export TESTTMP XDG_RUNTIME_DIR=$TESTTMP/run
    unset SOCKLEAK_OPTIONS LD_PRELOAD NO_COLOR
    PATH=$PATH:/usr/sbin:/sbin
    STARTED=()
}

helpers_teardown()
{
    local pid tries=50
    for pid in "${STARTED[@]}"; do
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    # What a test's program had started may end a little later than it, and make a file of its own meanwhile.
    until [[ -z ${TESTTMP-} ]] || rm -rf "$TESTTMP" 2>/dev/null || ((tries-- == 0)); do sleep 0.1; done
    return 0
}

setup() { helpers_setup; }
teardown() { helpers_teardown; }

# pause SECONDS: sleeps without a process of its own: nothing ever comes through that FIFO.
pause()
{
    [[ -p $TESTTMP/.silent ]] || mkfifo "$TESTTMP/.silent"
    read -rt "$1" <>"$TESTTMP/.silent" || :
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; fails, and says what it waited for, when the limit is over. Choose a generous limit.
wait_for()
{
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            echo "waited in vain for: $*"
            return 1
        fi
        pause 0.05
    done
}

# start NAME COMMAND...: in the background, output to $TESTTMP/NAME.out and NAME.err; its number in $pid. Killed at the test's end at the latest.
start()
{
    local name=$1
    shift
    rm -f "$TESTTMP/$name".{out,err} # the background's redirection comes later than the caller's first look
    "$@" >"$TESTTMP/$name.out" 2>"$TESTTMP/$name.err" 3>&- 4>&- </dev/null &
    pid=$!
    STARTED+=("$pid")
}

# start_agent NAME OPTIONS COMMAND...: the same with the agent preloaded.
start_agent()
{
    local name=$1 options=$2
    shift 2
    start "$name" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$options" "$@"
}

# with_agent OPTIONS COMMAND...: in the foreground, for `run with_agent ...`.
with_agent()
{
    local options=$1
    shift
    env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$options" "$@" 3>&- 4>&-
}

# compared OPTIONS VICTIM WORD...: the same output and status bare and with the agent; the log is in $TESTTMP/log, the output in $output
compared()
{
    local options=$1 bare
    shift
    rm -f "$TESTTMP"/log*
    run "$VICTIMS/$1" "${@:2}" 3>&-
    # shellcheck disable=SC2154 # by run
    bare="$status $output"
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p:$options" "$VICTIMS/$1" "${@:2}"
    cat "$TESTTMP"/log.* >"$TESTTMP/log" 2>/dev/null || :
    printf 'bare: %s\nwith the agent: %s %s\n' "$bare" "$status" "$output"
    [ "$status $output" = "$bare" ]
}

# stop PID [SIGNAL]: ends it in good order, waits, and gives its status.
stop()
{
    kill "-${2:-TERM}" "$1"
    wait "$1"
}

# ended PID: for wait_for. A zombie has ended.
ended()
{
    local stat=
    { read -rd '' stat <"/proc/$1/stat" || :; } 2>/dev/null
    stat=${stat##*) }
    [[ ! $stat || $stat == Z* ]]
}

# free_port: a port that was free a moment ago. Better let the server bind port 0 and say what it got.
free_port()
{
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# port_of NAME: of a server started with `start NAME` that prints "listening on PORT".
port_of()
{
    wait_for 20 grep -q '^listening on ' "$TESTTMP/$1.out" || { cat "$TESTTMP/$1.err"; return 1; }
    sed -n 's/^listening on //p' "$TESTTMP/$1.out" | head -n 1
}

# build_victim NAME SOURCE [FLAGS...]: compiles a C program of the test's own into $TESTTMP/NAME. SOURCE may be -, standard input.
build_victim()
{
    local name=$1 source=("$2")
    [[ $2 == - ]] && source=(-x c - -x none)
    shift 2
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-inline -fno-optimize-sibling-calls -I"$TOP/include" -pthread -o "$TESTTMP/$name" "${source[@]}" "$@" -ldl
}

# matches FILE-OR-TEXT REGEX: whether a line matches; the text is in $text then. grep alone takes the long ones, and what the shell cannot compile.
matches()
{
    local line got=0
    text=$1
    [[ -f $1 ]] && text=$(<"$1")
    if ((${#text} < 4000)); then
        while IFS= read -r line; do
            [[ $line =~ $2 ]]
            got=$?
            ((got == 0)) && return 0
            ((got == 2)) && break
        done <<<"$text"
        ((got == 2)) || return 1
    fi
    grep -qE -- "$2" <<<"$text"
}
# contains FILE-OR-TEXT REGEX: an extended regex; shows the text when it is not found.
contains()
{
    local text
    matches "$@" && return 0
    printf 'not found: %s\nin:\n%s\n' "$2" "$text"
    return 1
}
lacks()
{
    local text
    matches "$@" || return 0
    printf 'found, but should not be: %s\nin:\n%s\n' "$2" "$text"
    return 1
}
is_empty()
{
    [[ -s $1 ]] || return 0
    printf '%s should be empty:\n' "$1"
    cat "$1"
    return 1
}

# json FILE EXPRESSION: each line must be JSON; prints a Python expression over `lines`, and over `leaks`, the lines of type "leak".
json()
{
    python3 - "$1" "$2" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
leaks = [line for line in lines if line["type"] == "leak"]
print(eval(sys.argv[2]))
PY
}

# needs_alone: skips the test where `alone` is not allowed.
# alone COMMAND...: with an empty /dev/shm of its own, so that a command that is given no names meets no other program's state files.
needs_alone() { alone true 2>/dev/null || skip "no mount namespace of one's own"; }
alone()
{
    local as=()
    [ "$(id -u)" = 0 ] || as=(--user --map-root-user)
    # shellcheck disable=SC2016 # the inner shell's own
    unshare --mount "${as[@]}" sh -c 'mount -t tmpfs shm /dev/shm && exec "$@"' _ "$@" 3>&- 4>&-
}
