# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# mono.sh: Mono's part of tests/runtimes/run: random stacks against StackTrace, in four threads while collections run, and many short runs in which
# these threads meet precompiled code at the same time.

mono_stacks() # COUNT SEED: in one run
{
    local i log=$WORK/mono.$2 pid
    rm -f "$log" "$log.in"
    mkfifo "$log.in"
    exec 7<>"$log.in"
    LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=kinds=all:exitcode=0:log_path=/dev/null mono --debug "$WORK/mono_stacks.exe" "$1" "$2" <"$log.in" >"$log" 2>"$log.err" &
    pid=$!
    for ((i = 0; i < 1200; i++)); do
        grep -q '^ready' "$log" && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    "$SOCKLEAK" report --min-age 0 --kinds all --format json "$pid" >"$log.json"
    echo >&7
    wait "$pid" || { tail -n 5 "$log.err"; echo "Mono ended with status $?"; return 1; }
    exec 7>&-
    python3 tests/runtimes/mono_compare.py "$log" "$log.json"
}

mono_short_runs() # COUNT
{
    local i
    for ((i = 1; i <= $1; i++)); do
        mono_stacks 80 "$i" || return 1
    done
    echo "$1 short runs in good order"
}

if mcs -debug -nowarn:219,649 -out:"$WORK/mono_stacks.exe" tests/runtimes/mono_stacks.cs; then
    version=$(mono --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
    for seed in 1 $([[ $long ]] && echo 2 3 4); do
        compare "Mono $version" mono_stacks $((long ? 3000 : 1200)) "$seed"
    done
    compare "Mono $version" mono_short_runs $((long ? 150 : 10))
else
    row "Mono: its comparison does not compile" failed
fi
