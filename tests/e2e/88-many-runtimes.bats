#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A process with several language runtimes: each one's frames stand where its own interpreter's do, whatever has called what.

bats_require_minimum_version 1.5.0
load helpers

teardown() { helpers_teardown; }

# library PATTERN: the path of the first that the loader knows
library() { ldconfig -p | sed -n "s/.*=> \(.*\/$1\)\$/\1/p" | sort | head -1; }

# opens WORD...: many_runtimes under the agent; prints a line for each group that is stuck: how many, and the frames of the languages with what calls them
opens()
{
    rm -f "$TESTTMP"/log.*
    with_agent "log_path=$TESTTMP/log:log_format=json:interval=0:leak_check_at_exit=all:max_frames=128${OPTIONS:+:$OPTIONS}" "$VICTIMS/many_runtimes" \
        "$(library 'libpython3[^/]*')" "$(library 'libperl[^/]*')" "$(library 'libruby[^/]*')" "${LIBJVM:--}" "$@"
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    json "$TESTTMP/log" '"\n".join(" ".join([str(l["count"])] + [f["runtime"][:2] + ":" + f["symbol"] for f in l["frames"] if f["runtime"] != "native" or f["symbol"] == "call_next"]) for l in leaks)' |
        sed 's/na:call_next/|/g' | LC_ALL=C sort
}

# stacks LINE...: these are what was opened, in any order
stacks()
{
    printf '%s\n' "$output"
    [ "$output" = "$(printf '%s\n' "$@" | LC_ALL=C sort)" ]
}

P='| py:python_inner py:python_outer py:<module>' R='| ru:ruby_inner ru:ruby_outer ru:<main>' L='pe:main::perl_inner pe:main::perl_outer pe:(eval)'
J='| ja:JavaNext.next ja:JavaNext.inner ja:JavaNext.outer'

@test "each of several runtimes gives its frames, one within the other" {
    [ "$(library 'libruby[^/]*')" ] && [ "$(library 'libpython3[^/]*')" ] && [ "$(library 'libperl[^/]*')" ]
    run opens p r l pr rp pl rl prp prpl p r
    stacks "2 $P |" "2 $R |" "1 $L |" "1 $R $P |" "1 $P $R |" "1 $L $P |" "1 $L $R |" "1 $P $R $P |" "1 $L $P $R $P |"
}

@test "a runtime that is met behind another one's frames gives its own in the first stack already" {
    for word in prp rpl pl; do # all of them are met at once
        run opens $word
        [ "$(wc -w <<<"${output//|/}")" -eq $((1 + 3 * ${#word})) ]
    done
}

@test "one that is not wanted gives none, and the others theirs" {
    OPTIONS=runtimes=perl,ruby run opens prpl
    stacks "1 $L | $R | |"
}

@test "with Java, whose frames the native walk finds, the frames of others stand before and behind" {
    export CLASSPATH=$TESTTMP
    LIBJVM=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")/lib/server/libjvm.so
    javac -d "$TESTTMP" "$BATS_TEST_DIRNAME/../victims/JavaNext.java"
    run opens pj
    stacks "1 $J $P |"
    run opens j jp pjpj jrpj p
    stacks "1 $J |" "1 $P $J |" "1 $J $P $J $P |" "1 $J $P $R $J |" "1 $P |"
}

@test "each of several that cannot be read is told of in a line" {
    printf '%s\n' '#include <sys/socket.h>' '#include <unistd.h>' 'int _PyEval_EvalFrameDefault, _ZN2v87Isolate10GetCurrentEv;' 'int main(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0 || usleep(400000); }' >"$TESTTMP/two.c"
    gcc -rdynamic "$TESTTMP/two.c" -o "$TESTTMP/two"
    with_agent "interval=100ms:verbosity=1:log_path=$TESTTMP/log" "$TESTTMP/two"
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    contains "$TESTTMP/log" "program's python are not read: it does not export what is needed\$"
    contains "$TESTTMP/log" "program's javascript are not read: it does not export its version\$"
    [ "$(grep -c 'are not read' "$TESTTMP/log")" = 2 ]
}
