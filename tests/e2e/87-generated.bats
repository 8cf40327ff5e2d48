#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Code that a program has made at run time: its names are those of the perf map that the program writes, and of no other file.

bats_require_minimum_version 1.5.0
load helpers

teardown()
{
    rm -f "${MAP:-$TESTTMP/none}"
    helpers_teardown
}

# begin WORD...: tests/victims/generated under the agent, which has come to its wait; its number in $pid, its map's name in $MAP
begin()
{
    mkfifo "$TESTTMP/word"
    # shellcheck disable=SC2016 # it is the inner shell's
    start_agent generated "${OPTIONS:-leak_check_at_exit=0}" sh -c 'exec "$@" <>"$0"' "$TESTTMP/word" "$VICTIMS/generated" "$@"
    MAP=/tmp/perf-$pid.map
    wait_for 20 grep -q '^ready' "$TESTTMP/generated.out"
}

# names WORD...: of the frames without a module in a report, a group each: (symbol, module, runtime, sockets)
names()
{
    "$SOCKLEAK" report --format json --kinds all --min-age 0 "$@" >"$TESTTMP/report"
    json "$TESTTMP/report" 'sorted((f["symbol"] or "-", f["module"], f["runtime"], l["count"]) for l in leaks for f in l["frames"] if not f["module"])' |
        tee "$TESTTMP/names"
}

WITH="[('login', None, 'native', 3), ('prices(int, char)', None, 'native', 2)]"

# nameless WORD...: the report has the two groups, and no names for them
nameless() { [ "$(names "$@" | sed 's/[32])//g')" = "[('-', None, 'native', , ('-', None, 'native', ]" ]; }

# refused REASON: no names, and --verbose tells why
refused()
{
    "$SOCKLEAK" report --format json --kinds all --min-age 0 "$pid" >"$TESTTMP/report"
    [ "$(json "$TESTTMP/report" '[f["symbol"] for l in leaks for f in l["frames"] if not f["module"]]')" = '[None, None]' ]
    run "$SOCKLEAK" report --verbose --kinds all --min-age 0 "$pid"
    contains "$output" "no names for $MAP: $1"
}

# sites: of the last report
sites() { json "$TESTTMP/report" 'sorted(l["site"] for l in leaks)'; }

@test "the map's newest line for an address names it, in a live process and after a kill" {
    begin map
    [ "$(names "$pid")" = "$WITH" ]
    stop "$pid" KILL || :
    [ "$(names "$XDG_RUNTIME_DIR/sockleak")" = "$WITH" ]
}

@test "the text, the folded stacks and suppressions know the names" {
    begin map
    run "$SOCKLEAK" report --kinds all --min-age 0 "$pid"
    contains "$output" '#[0-9]+ login +\(0x[0-9a-f]+\)$'
    run "$SOCKLEAK" report --format folded --kinds all --min-age 0 "$pid"
    contains "$output" ';login;'
    echo 'leak:login' >"$TESTTMP/rules"
    [ "$(names --suppressions "$TESTTMP/rules" "$pid")" = "[('prices(int, char)', None, 'native', 2)]" ]
}

@test "the names change no site" {
    begin map
    names "$pid"
    local with
    with=$(sites)
    rm "$MAP"
    nameless "$pid"
    [ "$(sites)" = "$with" ]
}

# ends: the victim of begin_alone ends with a report of its own; its frames without a module are in $TESTTMP/told, as names has them. (Where the compiler
# has unrolled a loop the command counts what is one line as one group, the library does not: so the sockets of each name are added up.)
begin_alone() { OPTIONS="log_path=$TESTTMP/log:log_format=json:interval=0:grace=0s:kinds=all" begin "$@"; }
ends()
{
    echo >"$TESTTMP/word"
    wait "$pid"
    # shellcheck disable=SC2016
    json "$TESTTMP/log.$pid" 'sorted((n, None, "native", sum(l["count"] for l in leaks for f in l["frames"] if not f["module"] and (f["symbol"] or "-") == n))
        for n in {f["symbol"] or "-" for l in leaks for f in l["frames"] if not f["module"]})' >"$TESTTMP/told"
}
told_nothing() { [ "$(<"$TESTTMP/told")" = "[('-', None, 'native', 5)]" ]; }

@test "the library's own report and the command's have the same names" {
    begin_alone map
    names "$pid"
    ends
    [ "$(<"$TESTTMP/told")" = "$WITH" ]
    diff "$TESTTMP/told" "$TESTTMP/names"
}

@test "the library's own text says what the command's says" {
    OPTIONS="log_path=$TESTTMP/log:interval=0:grace=0s:kinds=all" begin map
    "$SOCKLEAK" report --kinds all --min-age 0 "$pid" >"$TESTTMP/report"
    echo >"$TESTTMP/word"
    wait "$pid"
    frames() { grep -o '#[0-9]* .*(0x[0-9a-f]*)$' "$1" | tr -s ' ' | sort -u; }
    [ "$(frames "$TESTTMP/report" | wc -l)" = 2 ]
    diff <(frames "$TESTTMP/report") <(frames "$TESTTMP/log.$pid")
}

@test "the library takes its names by rules of the command: the last line, no earlier process', no link, no pipe, no other user's" {
    local bad at
    for bad in none old link pipe other; do
        rm -f "$TESTTMP/word" "${MAP:-$TESTTMP/none}"
        begin_alone "$([ $bad = none ] && echo none || echo map)"
        case $bad in
        old) touch -d '1 minute ago' "$MAP" ;;
        link) mv "$MAP" "$TESTTMP/map" && ln -s "$TESTTMP/map" "$MAP" ;;
        pipe) rm "$MAP" && mkfifo "$MAP" ;;
        other) [ "$(id -u)" = 0 ] || continue && chown 65534 "$MAP" ;;
        esac
        ends
        told_nothing
    done
    rm -f "$TESTTMP/word" "$MAP"
    begin_alone none # in the middle of much else, over the pieces that are read
    at=$(sed -n 's/^made //p' "$TESTTMP/generated.out")
    {
        printf '%x 40 prices(int, char)[Tier1]\n' $((0x$at + 256))
        yes '1000 10 another' | head -n 100000
        printf '%s 40 login\n' "$at"
        yes '1000 10 another' | head -n 100000
        printf '%s 40 cut' "$at"
    } >"$MAP"
    ends
    [ "$(<"$TESTTMP/told")" = "$WITH" ]
    rm -f "$TESTTMP/word" "$MAP"
    begin_alone none # a line that begins in one piece of 256 KiB and ends in the next
    at=$(sed -n 's/^made //p' "$TESTTMP/generated.out")
    {
        printf '%x 40 prices(int, char)[Tier1]\n%s 40 login\n' $((0x$at + 256)) "$at"
        yes '1000 10 another' | head -c $((262144 - 8))
    } >"$MAP"
    ends
    [ "$(<"$TESTTMP/told")" = "$WITH" ]
}

@test "of a map that is longer than what is read the library reads the end, too" {
    begin_alone none
    local at
    at=$(sed -n 's/^made //p' "$TESTTMP/generated.out")
    printf '%s 40 login\n' "$at" >"$MAP"
    truncate -s 200M "$MAP"
    printf '\n%x 40 prices(int, char)[Tier1]\n' $((0x$at + 256)) >>"$MAP"
    ends
    [ "$(<"$TESTTMP/told")" = "[('-', None, 'native', 3), ('prices(int, char)', None, 'native', 2)]" ]
}

@test "in the library's report too one site that is two functions has no name, and what both share" {
    begin_alone map alike
    ends
    [ "$(<"$TESTTMP/told")" = "[('-', None, 'native', 4)]" ]
    rm -f "$TESTTMP/word" "$MAP"
    begin_alone map alike
    sed -i 's/ login$/ both/; s/ prices.*$/ both/' "$MAP"
    ends
    [ "$(<"$TESTTMP/told")" = "[('both', None, 'native', 4)]" ]
}

@test "run names generated code in its report" {
    run "$SOCKLEAK" run --exitcode 0 --kinds all -- "$VICTIMS/generated" map </dev/null
    MAP=/tmp/perf-$(grep -om 1 '^==[0-9]*' <<<"$output" | tr -d =).map
    contains "$output" '#[0-9]+ login +\(0x[0-9a-f]+\)$'
}

@test "the map of an earlier process with the same number gives no names" {
    begin map
    touch -d '1 minute ago' "$MAP"
    refused 'it is older than the process'
}

@test "a link to a map, a folder and a pipe give no names" {
    begin map
    mv "$MAP" "$TESTTMP/map"
    ln -s "$TESTTMP/map" "$MAP"
    refused 'it is a symbolic link'
    rm "$MAP"
    mkfifo "$MAP"
    refused 'it is no regular file'
}

@test "another user's map gives no names, and root's does" {
    [ "$(id -u)" = 0 ] || skip "only root can make files of others"
    begin map
    chown 65534 "$MAP"
    refused "it is another user's"
    stop "$pid" KILL || :
    nameless "$XDG_RUNTIME_DIR/sockleak"
    chown 0 "$MAP"
    [ "$(names "$XDG_RUNTIME_DIR/sockleak")" = "$WITH" ]
}

@test "a map of random bytes and cut lines gives no names and does no harm" {
    begin none
    local at
    at=$(sed -n 's/^made //p' "$TESTTMP/generated.out")
    { head -c 300000 /dev/urandom && printf '\n%s 40\n%s 40 \n%s0000000000 40 far\n%s -1 wrong\n%s 0 empty\nffffffffffffffff 40 over\n%s 40 cut' "$at" "$at" "$at" "$at" "$at" "$at"; } >"$MAP"
    nameless "$pid"
    printf '\n%s 40 \033[2Jlogin\n' "$at" >>"$MAP"
    contains "$(names "$pid")" "'\\?\\[2Jlogin'"
}

@test "of a map that is longer than what is read the end counts" {
    begin none
    local at
    at=$(sed -n 's/^made //p' "$TESTTMP/generated.out")
    printf '%s 40 login\n' "$at" >"$MAP"
    truncate -s 200M "$MAP" # no line ends there
    printf '\n%x 40 prices(int, char)[Tier1]\n' $((0x$at + 256)) >>"$MAP"
    [ "$(names "$pid")" = "[('-', None, 'native', 3), ('prices(int, char)', None, 'native', 2)]" ]
}

@test "node's own map names the functions of its program" {
    cat >"$TESTTMP/listens.js" <<'END'
const net = require('net');
function login() { net.createServer().listen(0); }
login();
setTimeout(() => console.log('ready'), 1);
END
    cd "$TESTTMP" # node leaves a log where it runs
    start_agent node runtimes=none:max_frames=64:leak_check_at_exit=0 node --perf-basic-prof --interpreted-frames-native-stack "$TESTTMP/listens.js"
    MAP=/tmp/perf-$pid.map
    wait_for 60 grep -q ready "$TESTTMP/node.out"
    run "$SOCKLEAK" report --kinds all --min-age 0 "$pid"
    contains "$output" "JS:[^ ]*login $TESTTMP/listens.js:2:15 +\\(0x"
}

@test "LuaJIT's compiled loops have the names of a map that the program writes; two of them in one site have none" {
    command -v luajit >/dev/null || skip "luajit is missing (luajit); Debian's writes no map by itself"
    local word
    mkfifo "$TESTTMP/word"
    for word in one both; do
        rm -f "${MAP:-$TESTTMP/none}"
        # shellcheck disable=SC2016 # it is the inner shell's
        start_agent luajit leak_check_at_exit=0 sh -c 'exec "$@" <>"$0"' "$TESTTMP/word" luajit "$BATS_TEST_DIRNAME/../victims/luajit_leak.lua" $word
        MAP=/tmp/perf-$pid.map
        wait_for 20 grep -q ready "$TESTTMP/luajit.out"
        names "$pid"
        case $word in
        one) [ "$(<"$TESTTMP/names")" = "[('login', None, 'native', 3)]" ] ;;
        both) [ "$(<"$TESTTMP/names")" = "[('-', None, 'native', 5)]" ] ;;
        esac
        stop "$pid" KILL || :
    done
}

# Erlang's own frames are on a stack of its own, which no walk goes to: what is named is the code of the JIT that calls out of it.
@test "BEAM's own map names what its JIT has generated" {
    command -v erlc >/dev/null || skip "erlc is missing (erlang-base)"
    erlc -o "$TESTTMP" "$BATS_TEST_DIRNAME/../victims/beam_leak.erl"
    # it does not come to code that it has generated itself where it has no JIT
    [ "$(erl -noshell -eval 'io:put_chars(atom_to_list(erlang:system_info(emu_flavor))), halt().')" = jit ] || skip "this Erlang has no JIT"
    start_agent erl leak_check_at_exit=0 erl +S 1:1 +JPperf true -noshell -pa "$TESTTMP" -s beam_leak main
    MAP=/tmp/perf-$pid.map
    wait_for 60 grep -q ready "$TESTTMP/erl.out"
    [ -s "$MAP" ]
    names "$pid"
    contains "$TESTTMP/names" "'\\\$global::call_nif_shared', None, 'native', 3"
    contains "$TESTTMP/names" "'\\\$global::call_light_bif_shared', None, 'native', 2"
    lacks "$TESTTMP/names" "'-'"
}

@test "where one site is two functions of generated code, neither is named, and what both share is" {
    begin map alike
    [ "$(names "$pid")" = "[('-', None, 'native', 4)]" ]
    sed -i 's/ login$/ both/; s/ prices.*$/ both/' "$MAP"
    [ "$(names "$pid")" = "[('both', None, 'native', 4)]" ]
    # a method that CoreCLR has compiled twice
    sed -i '0,/ both$/s// void [App] Shop::Login()[Tier0]/; s/ both$/ void [App] Shop::Login()[OptimizedTier1]/' "$MAP"
    [ "$(names "$pid")" = "[('void [App] Shop::Login()', None, 'native', 4)]" ]
}

@test "a process with a /tmp and a number of its own has the map that lies there" {
    [ "$(id -u)" = 0 ] || skip "only root can mount"
    mkfifo "$TESTTMP/word"
    # shellcheck disable=SC2016 # they are the inner shell's
    start_agent generated leak_check_at_exit=0 unshare --pid --fork --kill-child sh -c 'exec "$@" <>"$0"' "$TESTTMP/word" "$VICTIMS/generated" map private
    wait_for 20 grep -q '^ready' "$TESTTMP/generated.out"
    local inner
    inner=$(pgrep -P "$pid")
    [ "$(names "$inner")" = "$WITH" ]
}

@test "in a PID namespace with the others' /tmp the library takes no map, whose number is that of another" {
    [ "$(id -u)" = 0 ] || skip "only root can"
    mkfifo "$TESTTMP/word"
    # shellcheck disable=SC2016 # they are the inner shell's
    start_agent generated "log_path=$TESTTMP/log:log_format=json:interval=0:grace=0s:kinds=all" unshare --pid --fork --kill-child \
        sh -c 'for i in $(seq 40); do /bin/true; done; "$@" <>"$0"; :' "$TESTTMP/word" "$VICTIMS/generated" map
    wait_for 20 grep -q '^ready' "$TESTTMP/generated.out"
    local inner
    inner=$(sed -n 's/^NSpid:.*\t//p' "/proc/$(pgrep -P "$(pgrep -P "$pid")")/status")
    MAP=/tmp/perf-$inner.map
    [ -e "$MAP" ]
    echo >"$TESTTMP/word"
    wait "$pid"
    [ "$(json "$TESTTMP/log.$inner" '{f["symbol"] for l in leaks for f in l["frames"] if not f["module"]}')" = '{None}' ]
}
