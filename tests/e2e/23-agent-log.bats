#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# What the agent writes by itself: colours, notes, objects, and what it counts.

bats_require_minimum_version 1.5.0
load helpers

# on_a_terminal [NAME=VALUE]... COMMAND: its output, as a terminal would get it
on_a_terminal() { python3 -c 'import pty, sys; sys.exit(pty.spawn(["env"] + sys.argv[1:]))' "$@"; }

@test "NO_COLOR takes the colour from a terminal, unless it is empty or color=always" {
    local leak=(LD_PRELOAD="$AGENT" "$VICTIMS/each_kind" hangup) red=$'\033''\[1;31m'
    contains "$(on_a_terminal "${leak[@]}")" "$red"
    lacks "$(on_a_terminal NO_COLOR=1 "${leak[@]}")" "$red"
    contains "$(on_a_terminal NO_COLOR= "${leak[@]}")" "$red"
    contains "$(on_a_terminal NO_COLOR=1 SOCKLEAK_OPTIONS=color=always "${leak[@]}")" "$red"
}

@test "without stacks the counts are told all the same, and that the end was read" {
    run with_agent max_frames=0 "$VICTIMS/each_kind" close_wait_read
    contains "$output" '^site unknown \(no stack was recorded\): opened 3, closed 2, stuck 1$'
    contains "$output" '^  saw EOF \(1 of 1\)$'
    with_agent max_frames=0:leak_check_at_exit=0 "$VICTIMS/each_kind" close_wait_read
    run "$SOCKLEAK" report
    contains "$output" '^site unknown \(no stack was recorded\): opened 3, closed 2, stuck 1$'
}

@test "with log_format=json every line is an object: the help, a log that cannot be opened, a bad option" {
    with_agent help=1:log_format=json "$VICTIMS/each_kind" datagram 2>"$TESTTMP/help"
    [ "$(json "$TESTTMP/help" 'len([l for l in lines if l["type"] == "note" and l["pid"] and l["time"]]) == len(lines) > 20')" = True ]
    [ "$(json "$TESTTMP/help" '[l["text"] for l in lines if l["text"].startswith("  grace ")][0].endswith("(default 30s)")')" = True ]
    with_agent colour=red:log_format=json:log_path=/nowhere/log "$VICTIMS/each_kind" hangup 2>"$TESTTMP/err"
    [ "$(json "$TESTTMP/err" '[l["type"] for l in lines]')" = "['note', 'note', 'leak', 'summary']" ]
    [ "$(json "$TESTTMP/err" '"colour: no such option" in lines[0]["text"]')" = True ]
    [ "$(json "$TESTTMP/err" '"log_path=/nowhere/log cannot be opened (no such file" in lines[1]["text"]')" = True ]
    with_agent "log_format=json:log_path=/$(printf '\001%.0s' {1..500})" "$VICTIMS/each_kind" datagram 2>"$TESTTMP/err"
    [ "$(json "$TESTTMP/err" '[l["type"] for l in lines]')" = "[]" ]
    with_agent "log_format=json:log_path=/$(printf '\001%.0s' {1..500})" "$VICTIMS/each_kind" hangup 2>"$TESTTMP/err"
    [ "$(json "$TESTTMP/err" '[l["type"] for l in lines]')" = "['note', 'leak', 'summary']" ]
}

@test "abort_on_error aborts at the report of a check too, and at no check that is quiet or finds nothing" {
    build_victim check - <<'END'
#include <sockleak.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    sockleak_check(0, SOCKLEAK_ALL, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockleak_check(0, SOCKLEAK_ALL | SOCKLEAK_QUIET, 0);
    sockleak_report(1, 0, SOCKLEAK_ALL);
    puts("still here");
    fflush(stdout);
    sockleak_check(0, SOCKLEAK_ALL, 0);
    puts("not here");
    close(fd);
    return 0;
}
END
    run with_agent abort_on_error=1 "$TESTTMP/check"
    echo "$output"
    [ "$status" = 134 ]
    contains "$output" '^still here$'
    lacks "$output" '^not here$'
    [ "$(grep -c WARNING <<<"$output")" = 2 ]
}

# closes_later OPTIONS: a client in CLOSE_WAIT that closes at the first line on descriptor 7; its output is v.out and v.err
closes_later()
{
    mkfifo "$TESTTMP/in"
    start_agent v "$1" bash -c "exec '$VICTIMS/never_reads' close <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^closed' "$TESTTMP/v.out"
}

@test "what a signal's report named is retracted when it is closed, with and without a watcher" {
    local interval
    for interval in 300ms 0; do
        rm -f "$TESTTMP/in"
        closes_later "signal=10:grace=1h:interval=$interval"
        kill -USR1 "$pid"
        wait_for 20 grep -q WARNING "$TESTTMP/v.err"
        echo >&7
        [ $interval = 0 ] || wait_for 20 grep -q 'released: ' "$TESTTMP/v.err"
        exec 7>&-
        wait_for 20 ended "$pid"
        if [ $interval = 0 ]; then
            contains "$TESTTMP/v.err" 'sockleak: 1 of the sockets that were reported is closed by now$'
        else
            contains "$TESTTMP/v.err" 'sockleak: released: 1 of site [0-9a-f]{16} after [0-9]+ s: it was stuck in CLOSE_WAIT \(fd [0-9]+\)$'
        fi
    done
}

@test "what only a check's report named is not retracted" {
    build_victim check - <<'END'
#include <sockleak.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    int sv[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
    close(sv[1]);
    sockleak_check(0, SOCKLEAK_ALL, 0);
    sockleak_report(2, 0, SOCKLEAK_ALL);
    close(sv[0]);
    return 0;
}
END
    run with_agent grace=1h:interval=100ms "$TESTTMP/check"
    contains "$output" '1 socket hung up'
    lacks "$output" 'released'
}

@test "the suppressions listed at exit count the last look alone, in text and in JSON" {
    build_victim checks - <<'END'
#include <sockleak.h>
#include <sys/socket.h>
static struct sockaddr any = {.sa_family = AF_INET};
static int open_it(void) /* a single socket with which nothing is tried is no finding */
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return bind(fd, &any, sizeof any) == 0 ? fd : -1;
}
int main(void)
{
    int fd = open_it();
    for (int i = 0; i < 3; i++)
        sockleak_check(0, SOCKLEAK_ALL, 0);
    return fd < 0;
}
END
    printf 'leak:open_i*t\nleak:nothing_is_called_so\n' >"$TESTTMP/rules"
    run with_agent "suppressions=$TESTTMP/rules" "$TESTTMP/checks"
    contains "$output" '^ +1 +1  leak:open_i\*t$'
    lacks "$output" 'nothing_is'
    with_agent "suppressions=$TESTTMP/rules:log_format=json" "$TESTTMP/checks" 2>"$TESTTMP/err"
    [ "$(json "$TESTTMP/err" '[(l["type"], l["pattern"], l["groups"], l["sockets"], l["pid"] > 0, "T" in l["time"]) for l in lines]')" = \
        "[('suppression', 'leak:open_i*t', 1, 1, True, True)]" ]
    with_agent "suppressions=$TESTTMP/rules:log_format=json:print_suppressions=0" "$TESTTMP/checks" 2>"$TESTTMP/err"
    is_empty "$TESTTMP/err"
}

@test "sockets opened under sockleak_pause are not counted at their site, nor when they are dup'ed or closed" {
    build_victim paused - <<'END'
#include <sockleak.h>
#include <sys/socket.h>
#include <unistd.h>
static struct sockaddr any = {.sa_family = AF_INET};
static int open_it(void) /* a single socket with which nothing is tried is no finding */
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return bind(fd, &any, sizeof any) == 0 ? fd : -1;
}
int main(void)
{
    int fd[5];
    for (volatile int i = 0; i < 5; i++) { /* volatile: one loop, so one site; 0 and 4 are counted */
        if (i == 1)
            sockleak_pause();
        if (i == 4)
            sockleak_resume();
        fd[i] = open_it();
    }
    sockleak_pause();
    close(dup(fd[0]));
    sockleak_resume();
    close(fd[1]);
    int second = dup(fd[2]);
    close(fd[2]);
    close(second);
    close(fd[4]);
    return 0;
}
END
    run with_agent "" "$TESTTMP/paused"
    contains "$output" '^site [0-9a-f]{16}: opened 2, closed 1, stuck 1$'
    run with_agent max_frames=0 "$TESTTMP/paused"
    contains "$output" 'opened 2, closed 1, stuck 1$'
}

@test "of what was there before the agent the kernel tells since when it is stuck, and nobody how old it is" {
    mkfifo "$TESTTMP/in"
    closes_later_dormant() { start_agent v enabled=0:grace=1h bash -c "exec '$VICTIMS/never_reads' <'$TESTTMP/in'"; }
    closes_later_dormant
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^closed' "$TESTTMP/v.out"
    ls "$XDG_RUNTIME_DIR/sockleak"
    sleep 4 # the condition's age, which must not be lost
    "$SOCKLEAK" attach --grace 1h --log stderr "$pid" 2>&1
    found() { "$SOCKLEAK" report --min-age 1s --format json "$pid" >"$TESTTMP/r" && grep -q before_attach "$TESTTMP/r"; }
    wait_for 20 found
    [ "$(json "$TESTTMP/r" 'leaks[0]["sockets"][0]["age_s"]')" = None ]
    [ "$(json "$TESTTMP/r" 'leaks[0]["sockets"][0]["stuck_s"] >= 4')" = True ]
    exec 7>&-
    wait_for 20 ended "$pid"
    contains "$TESTTMP/v.err" 'CLOSE_WAIT ([4-9]|[0-9]{2,}) s '
}

# a program whose leaks are in /TESTTMP/z.c, one in a function that is inlined: checks first, then lives on until the end of its input
leaks_in_z()
{
    cat >"$TESTTMP/z.c" <<'END'
#include <sys/socket.h>
static inline __attribute__((always_inline)) int inlined_opener(void) { return socket(AF_INET, SOCK_STREAM, 0); }
int open_in_z(void)
{
    struct sockaddr any = {.sa_family = AF_INET};
    int fd = inlined_opener();
    return bind(fd, &any, sizeof any); /* a single socket with which nothing is tried is no finding */
}
END
    cat >"$TESTTMP/main.c" <<'END'
#include <sockleak.h>
int open_in_z(void);
static int count_it(const struct sockleak_finding *f, void *arg) { return (void)f, ++*(int *)arg, 0; }
int main(void)
{
    int seen = 0;
    sockleak_mark_t mark = sockleak_mark();
    open_in_z();
    printf("check %d\n", sockleak_check(mark, SOCKLEAK_ALL, 300));
    printf("each %d\n", sockleak_each(mark, SOCKLEAK_ALL, count_it, &seen));
    fflush(stdout);
    SOCKLEAK_ASSERT_NONE(mark);
    puts("asserted");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
END
    build_victim z "$TESTTMP/main.c" "$TESTTMP/z.c"
}

@test "a suppression by source file or inlined function holds in checks and in reports of a running process" {
    leaks_in_z
    run --separate-stderr with_agent "" "$TESTTMP/z" </dev/null
    [ "$status" = 134 ]
    [ "${lines[0]} ${lines[1]}" = 'check 1 each 1' ]
    for rule in leak:z.c never_connected:inlined_opener; do
        echo "$rule" >"$TESTTMP/rules"
        rm -f "$TESTTMP/in"
        mkfifo "$TESTTMP/in"
        start_agent v "suppressions=$TESTTMP/rules:grace=200ms:interval=100ms:signal=10" bash -c "exec '$TESTTMP/z' <'$TESTTMP/in'"
        exec 7>"$TESTTMP/in"
        wait_for 20 grep -q '^asserted' "$TESTTMP/v.out"
        contains "$TESTTMP/v.out" '^check 0$'
        contains "$TESTTMP/v.out" '^each 0$'
        past_grace() { "$SOCKLEAK" top "$pid" | grep -q "^1 stuck at 1 site"; }
        wait_for 20 past_grace
        kill -USR1 "$pid"
        exec 7>&-
        wait_for 20 ended "$pid"
        lacks "$TESTTMP/v.err" WARNING
        contains "$TESTTMP/v.err" "^ +1 +1  $rule"
    done
    # a rule for another file suppresses nothing
    echo leak:y.c >"$TESTTMP/rules"
    run --separate-stderr with_agent "suppressions=$TESTTMP/rules" "$TESTTMP/z" </dev/null
    [ "${lines[0]} ${lines[1]}" = 'check 1 each 1' ]
}

@test "verbosity=1 says what the agent does, a line each; verbosity=0 nothing" {
    local file="$XDG_RUNTIME_DIR/sockleak/[0-9]+\.[0-9]+\.sockleak"
    run with_agent verbosity=1:leak_check_at_exit=0:interval=0 "$VICTIMS/each_kind" hangup
    [ "${#lines[@]}" = 2 ]
    contains "${lines[0]}" "^==[0-9]+==sockleak: the state file is $file\$"
    contains "${lines[1]}" "^==[0-9]+==sockleak: the state file is kept: $file\$"
    run with_agent verbosity=1:interval=0 "$VICTIMS/each_kind" datagram
    [ "${#lines[@]}" = 2 ]
    contains "${lines[1]}" "sockleak: the state file is removed: $file\$"
    run with_agent verbosity=1:interval=0:state_dir=/proc/nowhere "$VICTIMS/each_kind" datagram
    contains "$output" 'warning: no state file: .*'
    contains "$output" 'sockleak: there is no state file, the table is in memory$'
    contains "$output" 'sockleak: no state file is left: the table was in memory$'
    run with_agent verbosity=0 "$VICTIMS/each_kind" datagram
    [ -z "$output" ]
}

@test "verbosity=1 tells of the watcher, of sleep and waking, and of a child's own table, as notes in a JSON log" {
    mkfifo "$TESTTMP/in"
    start_agent v verbosity=1:enabled=0:log_format=json bash -c "exec '$VICTIMS/more_cases' child <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    said() { [ "$(json "$TESTTMP/v.err" "len([l for l in lines if l['type'] == 'note' and '$1' in l['text']])")" -ge "${2:-1}" ]; }
    wait_for 20 said "the watcher has started (thread "
    wait_for 20 said "asleep: "
    "$SOCKLEAK" attach "$pid"
    wait_for 20 said "awake: "
    "$SOCKLEAK" detach "$pid"
    wait_for 20 said "asleep: " 2
    exec 7>&-
    wait_for 20 ended "$pid"

    rm -f "$TESTTMP/in"
    mkfifo "$TESTTMP/in"
    start_agent v verbosity=1:log_format=json bash -c "exec '$VICTIMS/more_cases' child <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 said "a child of fork got a table of its own; the state file is $XDG_RUNTIME_DIR"
    exec 7>&-
    wait_for 20 ended "$pid"
}

@test "a report says when the watcher looks less often than asked" {
    closes_later "grace=300ms:interval=1ms" # no look takes less than a five-hundredth of that
    wait_for 20 grep -q WARNING "$TESTTMP/v.err"
    contains "$TESTTMP/v.err" 'sockleak: looks take long: the watcher looks every [0-9]+\.[0-9]{3} s now'
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/r"
    [ "$(json "$TESTTMP/r" '[l["period_s"] >= 0 for l in lines if l["type"] == "note"]')" = '[True]' ]
    exec 7>&-
    wait_for 20 ended "$pid"
    rm "$TESTTMP/in"
    closes_later "grace=300ms:interval=10s"
    wait_for 60 grep -q WARNING "$TESTTMP/v.err"
    exec 7>&-
    wait_for 20 ended "$pid"
    lacks "$TESTTMP/v.err" 'looks take long'
}

@test "at short looks a count is not steady before a grace without a rise, and a rate not said before it can be known" {
    mkfifo "$TESTTMP/in"
    start_agent v "grace=1h:interval=100ms:signal=10:log_format=json" bash -c "exec '$VICTIMS/more_cases' more 3 <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    for n in 1 2 3; do
        wait_for 20 bash -c "[ \$(grep -c leaked '$TESTTMP/v.out') = $n ]"
        sleep 0.3
        echo >&7
    done
    sleep 0.2
    for n in {1..20}; do
        kill -USR1 "$pid"
        wait_for 20 bash -c "[ \$(grep -c '\"reason\":\"signal\",\"kind' '$TESTTMP/v.err') -ge $n ]"
        sleep 0.1
    done
    exec 7>&-
    wait_for 20 ended "$pid"
    [ "$(json "$TESTTMP/v.err" '{l["steady"] for l in leaks}')" = '{False}' ]
    [ "$(json "$TESTTMP/v.err" '{l["rate_per_minute"] for l in leaks}')" = '{0.0}' ]
}

@test "sockleak report heeds the process' own rules, however many: they go over several pieces of the state file" {
    for ((i = 0; i < 400; i++)); do echo "leak:some_function_that_is_not_there_$i"; done >"$TESTTMP/rules"
    echo leak:db_connect >>"$TESTTMP/rules"
    mkfifo "$TESTTMP/in"
    start_agent v "suppressions=$TESTTMP/rules:grace=100ms:interval=100ms" bash -c "exec '$VICTIMS/run_leak' 2 wait <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    looked() { "$SOCKLEAK" top "$pid" | grep -q '^2 stuck at 1 site'; }
    wait_for 20 looked
    run "$SOCKLEAK" report --min-age 0 "$pid"
    exec 7>&-
    lacks "$output" WARNING
    contains "$output" 'nothing is stuck|suppressed'
}
