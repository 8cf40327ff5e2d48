#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the benchmarks announce they emit, and they leave nothing behind. No figure is judged here.

bats_require_minimum_version 1.5.0
load helpers

# bench PATTERN [OPTION]...: its own bench.json stays as it was; the one of this run is $TESTTMP/bench.json.
bench() { bench_by "$TOP/tests/bench/run" --only "$1" "${@:2}" "$BUILD"; }
bench_by() # COMMAND...
{
    local status
    cp "$BUILD/bench.json" "$TESTTMP/bench.json.before" 2>/dev/null || true
    TMPDIR=$TESTTMP "$@" 3>&- 4>&-
    status=$?
    mv "$BUILD/bench.json" "$TESTTMP/bench.json"
    mv "$TESTTMP/bench.json.before" "$BUILD/bench.json" 2>/dev/null
    return "$status"
}

# fake_nginx FIGURE...: programs nginx, wrk and curl. The bare server gives 100 requests a second, the preloaded one the figures, in turn.
fake_nginx()
{
    mkdir "$TESTTMP/bin"
    printf '%s\n' "$@" >"$TESTTMP/figures"
    cat >"$TESTTMP/bin/nginx" <<END
#!/bin/bash
if [[ \${LD_PRELOAD-} ]]; then
    { read -r first; rest=\$(cat); } <$TESTTMP/figures
    printf '%s\n' \$rest "\$first" >$TESTTMP/figures
else
    first=100
fi
echo "\$first" >$TESTTMP/figure.new
mv $TESTTMP/figure.new $TESTTMP/figure
exec sleep 300
END
    cat >"$TESTTMP/bin/wrk" <<END
#!/bin/bash
echo "  50 requests in 1.00s, 1KB read"
echo "Requests/sec: \$(cat $TESTTMP/figure)"
rm $TESTTMP/figure
END
    printf '#!/bin/sh\nexec test -e %s/figure\n' "$TESTTMP" >"$TESTTMP/bin/curl"
    chmod +x "$TESTTMP/bin"/*
    PATH=$TESTTMP/bin:$PATH
}

# from_json EXPRESSION: of the run's bench.json, as d.
from_json() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$TESTTMP/bench.json" "$1"; }

# in_python LINE...: with the benchmarks' modules.
in_python() { printf '%s\n' "$@" | PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests/bench python3 -; }

@test "the benchmarks emit the memory of a site, and leave no file behind" {
    run bench 'memory of a site'
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" '^memory of a site +[1-9][0-9]* .* B, growth of the state file'
    [ "$(ls -d "$TESTTMP"/slbench.* 2>/dev/null)" = '' ]
    # The agent would write to /dev/null.PID.
    lacks "$TOP/tests/bench/run" "log_path=/dev/null"
}

@test "what was promised of the whole process, of servers and of starts is among the benchmarks' rows" {
    local name
    run "$TOP/tests/bench/run" --list
    echo "$output"
    [ "$status" -eq 0 ]
    for what in 'recv with data' 'read of a file' 'connection cycle, 20 frames'; do
        name="instructions, whole process, with the watcher: $what"
        [[ $'\n'$output$'\n' == *$'\n'$name$'\n'* ]]
        name="instructions, library's own text: $what"
        [[ $'\n'$output$'\n' == *$'\n'$name$'\n'* ]]
    done
    for name in 'receive path: read of a cached file' 'haproxy, a connection a request' 'haproxy, keep-alive' 'nginx, keep-alive: CPU a request' \
        'haproxy, keep-alive: CPU a request' 'redis-benchmark: CPU a request' '/bin/true, start to end' 'first socket of a process, over bare'; do
        echo "row: $name"
        [[ $'\n'$output$'\n' == *$'\n'$name$'\n'* ]]
    done
    [ "$(sort <<<"$output" | uniq -d)" = '' ]
}

@test "each row of the README's table names benchmarks that there are" {
    local pattern lines=0
    while IFS= read -r pattern; do
        echo "pattern: $pattern"
        [ "$("$TOP/tests/bench/run" --list --only "$pattern" | wc -l)" -ge 1 ]
        lines=$((lines + 1))
    done < <(sed -n '/^## Overhead/,/^## What is recorded/p' "$TOP/README.md" | grep '^| ' | sed 1,2d | grep -o "\`'[^\`]*'\`" | tr -d "\`'")
    [ "$lines" -ge 12 ]
    [ "$(sed -n '/^## Overhead/,/^## What is recorded/p' "$TOP/README.md" | grep '^| ' | sed 1,2d | grep -vc "\`'[^\`]*'\` |$")" -eq 0 ]
}

@test "a goal that is missed by more than the noise is named and gives status 1" {
    fake_nginx 90 92 91
    run bench 'nginx, keep-alive' --pairs 6
    echo "$output"
    [ "$status" -eq 1 ]
    contains "$output" '^goal missed: nginx, keep-alive: 0\.9[012]0, the goal is >= 0\.99, the noise 0\.00'
    contains "$output" '^1 of 1 goals missed$'
    [ "$(from_json 'd["missed"]')" = "['nginx, keep-alive']" ]
    [ "$(from_json '[(r["name"], r["missed"], r["goal"], r["n"], len(r["values"]), 0 < r["noise"] < 0.01) for r in d["rows"]]')" = \
        "[('nginx, keep-alive', True, '>= 0.99', 6, 6, True)]" ]
}

@test "a goal that is missed by less than the noise is not missed" {
    fake_nginx 90 98 140
    run bench 'nginx, keep-alive' --pairs 6
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" '^nginx, keep-alive +0\.980 '
    contains "$output" '^0 of 1 goals missed$'
    [ "$(from_json 'd["missed"]')" = '[]' ]
}

@test "the short form names a missed goal and does not fail" {
    fake_nginx 50
    run bench 'nginx, keep-alive' --quick
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" '^goal missed: nginx, keep-alive: 0\.500'
    [ "$(from_json 'd["quick"], d["missed"]')" = "(True, ['nginx, keep-alive'])" ]
}

@test "the CPU time of a request is that of all the server's processes" {
    fake_nginx 100
    # The first process waits; its child works when there is load.
    cat >"$TESTTMP/bin/nginx" <<END
#!/bin/bash
(
    until [[ -e $TESTTMP/load ]]; do sleep 0.02; done
    for ((i = 0; i < 20000; i++)); do :; done
    touch $TESTTMP/done
    exec sleep 300
) &
trap 'kill \$!; exit 0' QUIT
echo 100 >$TESTTMP/figure
wait
END
    cat >"$TESTTMP/bin/wrk" <<END
#!/bin/bash
touch $TESTTMP/load
for ((i = 0; i < 1200; i++)); do [[ -e $TESTTMP/done ]] && break; sleep 0.05; done
echo "  50 requests in 1.00s, 1KB read"
echo "Requests/sec: 100"
rm $TESTTMP/load $TESTTMP/done $TESTTMP/figure
END
    run bench 'nginx, keep-alive: CPU a request' --pairs 1
    echo "$output"
    [ "$status" -eq 0 ]
    # 20,000 rounds of the loop are milliseconds, over 50 requests; what the waiting process uses is far below.
    [ "$(from_json '[(r["name"], float(r["note"].split()[1]) > 100, r["note"].split()[2]) for r in d["rows"]]')" = "[('nginx, keep-alive: CPU a request', True, 'us')]" ]
}

@test "the noise is half of the interquartile range over the root of the number, and one value has none" {
    in_python 'import goals' \
        'assert goals.noise([1, 2, 3, 4, 5]) == (4 - 2) / 2 / 5 ** 0.5, goals.noise([1, 2, 3, 4, 5])' \
        'assert goals.noise([1, 2, 3, 4, 500]) == goals.noise([1, 2, 3, 4, 5])' \
        'assert goals.noise([7]) == 0' \
        'assert goals.noise_of(2, 4, 4) == 0.5 and goals.noise_of(2, 4, 1) == 0'
}

@test "a goal is missed on its wrong side alone, and a row without a goal never" {
    in_python 'import goals' \
        'def misses(goal, median, noise): return goals.misses({"goal": goal, "median": median, "noise": noise})' \
        'assert misses("<= 1.02", 1.06, 0.03) and not misses("<= 1.02", 1.06, 0.05) and not misses("<= 1.02", 0.5, 0)' \
        'assert misses(">= 0.99", 0.95, 0.03) and not misses(">= 0.99", 0.95, 0.05) and not misses(">= 0.99", 2.0, 0)' \
        'assert misses("<= 0", 1, 0.5) and not misses("<= 0", -1, 0) and not misses(None, 9, 0)' \
        'try: misses("1.02", 1, 0)' 'except ValueError: pass' 'else: raise SystemExit("taken for a goal")'
}

@test "instructions are counted for the object whose text they are, without what it calls" {
    in_python 'import callgrind' 'text = """version: 1
events: Ir
ob=(1) /usr/bin/program
fl=(1) a.c
fn=(1) main
10 5
+1 7
cob=(2) /lib/libsockleak.so
cfn=(2) recv
calls=3 0
+1 900
* 2
ob=(2)
fn=(2)
20 40
cob=(1)
cfn=(1)
calls=1 0
-2 300
-2 50
ob=(1)
fn=(3) other
30 1
summary: 105
"""' 'counts = callgrind.objects(text.splitlines(True))' \
        'assert counts == {"/usr/bin/program": 15, "/lib/libsockleak.so": 90}, counts'
}

@test "the instructions of the whole process are those with the watcher's thread beside it" {
    command -v valgrind >/dev/null || skip "no valgrind"
    run bench 'instructions, *: read of a file'
    echo "$output"
    # The library's text has its share of the whole; the start of each run differs by a few instructions in all.
    [ "$(from_json '(lambda v: 0 < v["library'"'"'s own text"] <= v["whole process, with the watcher"] + 0.5)({r["name"][14:].rsplit(":", 1)[0]: r["median"] for r in d["rows"]})')" = True ]
    contains "$output" "watcher's thread [1-9][0-9,]* in the whole run"
}

@test "a server that is not installed is said in one line, and costs no other row" {
    run bench_by python3 - "$TOP/tests/bench/run" --only 'haproxy*' "$BUILD" <<'END'
import os, runpy, shutil, sys
which = shutil.which
shutil.which = lambda name, *more, **kw: None if name in ("haproxy", "wrk") else which(name, *more, **kw)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
END
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^bench: haproxy' <<<"$output")" -eq 1 ]
    contains "$output" '^bench: haproxy: skipped, haproxy and wrk are not installed$'
}

@test "a server that does not start costs its own row alone" {
    mkdir "$TESTTMP/bin"
    printf '#!/bin/sh\nexit 1\n' | tee "$TESTTMP/bin/nginx" >"$TESTTMP/bin/wrk"
    chmod +x "$TESTTMP/bin"/*
    PATH=$TESTTMP/bin:$PATH run bench 'nginx*'
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" 'bench: nginx, a connection a request: does not start'
    contains "$output" 'bench: nginx, keep-alive: does not start'
    [ "$(from_json 'd["rows"], len(d["not_measured"])')" = '([], 2)' ]
}
