#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# include/sockleak.h: it compiles everywhere, links with nothing, waits without sleeping, and lays each leak to the right test.

bats_require_minimum_version 1.5.0
load helpers

# program NAME [FLAGS...]: from standard input, which is put into main().
program()
{
    local name=$1
    shift
    {
        printf '%s\n' '#include <pthread.h>' '#include <string.h>' '#include <sys/socket.h>' '#include <time.h>' '#include <unistd.h>' '#include <sockleak.h>'
        cat
    } >"$TESTTMP/$name.c"
    build_victim "$name" "$TESTTMP/$name.c" "$@"
}

@test "the header compiles without a warning as C99 to C17 and C++11 to C++20, and works with no library, PIE or not, and static" {
    cat >"$TESTTMP/t.c" <<'END'
#include <sockleak.h>
int main(void)
{
    int (*active)(void) = sockleak_active;
    sockleak_mark_t start = sockleak_mark();
    sockleak_pause(), sockleak_resume(), sockleak_tag("t"), sockleak_ignore(99);
    int left = sockleak_check(start, SOCKLEAK_ALL, 0), why = left < 0 ? errno : 0;
    printf("%d %d %d %d\n", active(), sockleak_active() && start, left, why == ENOSYS);
    return 0;
}
END
    cp "$TESTTMP/t.c" "$TESTTMP/t.cc"
    local cc std mode level
    try() # COMPILER STANDARD SOURCE FLAGS...
    {
        command -v "$1" >/dev/null || return 0
        "$1" -std="$2" -Wall -Wextra -Wpedantic -Werror -I"$TOP/include" "${@:4}" -o "$TESTTMP/t" "$TESTTMP/$3" || { echo "$*"; return 1; }
        [ "$("$TESTTMP/t")" = '0 0 -1 1' ] || { echo "without the agent: $*"; return 1; }
        [[ $* == *-static* ]] || [ "$(with_agent '' "$TESTTMP/t")" = '1 1 0 0' ] || { echo "with the agent: $*"; return 1; }
    }
    for cc in gcc clang; do
        for std in c99 c11 c17; do
            for mode in '-fpie -pie' '-fno-pie -no-pie'; do
                # shellcheck disable=SC2086
                for level in -O0 -O2; do try $cc $std t.c $mode $level; done
            done
        done
        try $cc c11 t.c -static
    done
    for cc in g++ clang++; do
        for std in c++11 c++20; do
            # shellcheck disable=SC2086
            for mode in '-fpie -pie' '-fno-pie -no-pie'; do try $cc $std t.cc $mode; done
        done
    done
    for mode in bfd gold lld; do
        command -v "ld.$mode" >/dev/null || continue
        try gcc c11 t.c -fno-pie -no-pie -fuse-ld=$mode
        try gcc c11 t.c -fpie -pie -fuse-ld=$mode
    done
}

@test "the assertion passes without a leak, fails with the report, fails without the agent, and passes then only when it is optional" {
    program a <<'END'
static int dial(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
int main(int argc, char **argv)
{
    sockleak_mark_t start = sockleak_mark();
    int fd = dial();
    (void)argv;
    if (argc == 1)
        close(fd);
    SOCKLEAK_ASSERT_NONE(start);
    puts("passed");
    return 0;
}
END
    run with_agent '' "$TESTTMP/a"
    [ "$status" -eq 0 ]
    [ "$output" = passed ]
    run with_agent '' "$TESTTMP/a" leak
    [ "$status" -eq 134 ]
    contains "$output" 'a.c:[0-9]+: 1 socket opened by this test is still open'
    contains "$output" '#0 dial '
    run "$TESTTMP/a"
    [ "$status" -eq 134 ]
    contains "$output" 'sockleak agent is not active'
    program b -DSOCKLEAK_OPTIONAL <"$TESTTMP/a.c"
    run "$TESTTMP/b" leak
    [ "$status" -eq 0 ]
}

@test "a check wakes at the close it waits for, made by another thread, and not before" {
    program c <<'END'
static void *closer(void *fd)
{
    struct timespec t = {0, 300000000};
    nanosleep(&t, NULL);
    close((int)(intptr_t)fd);
    return NULL;
}
int main(void)
{
    for (int i = 0; i < 5; i++) {
        struct timespec a, b;
        pthread_t thread;
        sockleak_mark_t start = sockleak_mark();
        intptr_t fd = socket(AF_INET, SOCK_DGRAM, 0);
        clock_gettime(CLOCK_MONOTONIC, &a);
        pthread_create(&thread, NULL, closer, (void *)fd);
        int left = sockleak_check(start, SOCKLEAK_ALL, 60000);
        clock_gettime(CLOCK_MONOTONIC, &b);
        pthread_join(thread, NULL);
        long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
        printf("%d left after %s\n", left, ms < 300 ? "too short a time" : ms < 10000 ? "the close" : "too long a time");
    }
    return 0;
}
END
    run with_agent '' "$TESTTMP/c"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^0 left after the close$' <<<"$output")" -eq 5 ] || { echo "$output"; return 1; }
}

@test "ignored, paused and earlier sockets are not counted; tags follow a socket to another thread; suppressed ones do not use up the time" {
    program d -rdynamic <<'END'
const char *sockleak_default_suppressions(void) { return "leak:known_*\n"; }
const char *sockleak_default_options(void) { return "max_leaks=1"; }
static int known_one(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static int nth(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static int other(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static int show(const struct sockleak_finding *f, void *arg)
{
    printf("%s%s ", f->frames[0].symbol, f->tag ? f->tag : "-");
    return arg != NULL;
}
static void *elsewhere(void *tag)
{
    sockleak_tag(tag);
    other();
    return NULL;
}
int main(void)
{
    pthread_t thread;
    nth();
    sockleak_mark_t start = sockleak_mark();
    sockleak_ignore(nth());
    sockleak_pause(), sockleak_pause(), sockleak_resume();
    nth();
    sockleak_resume();
    printf("%d ", sockleak_check(start, SOCKLEAK_ALL, 0));
    known_one();
    printf("%d\n", sockleak_check(start, SOCKLEAK_ALL, 60000));
    sockleak_tag("A");
    pthread_create(&thread, NULL, elsewhere, "A");
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, elsewhere, "B");
    pthread_join(thread, NULL);
    nth();
    unsigned all = SOCKLEAK_ALL | SOCKLEAK_QUIET;
    printf("%d %d %d\n", sockleak_check(start, all, 0), sockleak_check(start, all | SOCKLEAK_THIS_THREAD, 0), sockleak_check(start, all | SOCKLEAK_THIS_TAG, 0));
    printf("%d\n", sockleak_each(start, SOCKLEAK_ALL, show, NULL));
    printf("%d\n", sockleak_each(start, SOCKLEAK_ALL, show, ""));
    char text[20];
    int whole = sockleak_text(NULL, 0, start, SOCKLEAK_ALL);
    int again = sockleak_text(text, sizeof text, start, SOCKLEAK_ALL);
    printf("%d %d %zu\n", whole > 200, again > 200, strlen(text));
    return 0;
}
END
    run with_agent 'leak_check_at_exit=0' "$TESTTMP/d"
    [ "$status" -eq 0 ]
    echo "$output"
    [ "${lines[0]}" = '0 0' ]
    [ "${lines[1]}" = '3 1 2' ]
    contains "$output" '^(otherA otherB nthA|nthA otherA otherB) 3$'
    [ "${lines[4]}" = '1 1 19' ]
}

@test "what is ignored is the socket: also by its other descriptors, and when no wrapper saw it opened" {
    program i <<'END'
#include <sys/syscall.h>
int main(void)
{
    sockleak_mark_t start = sockleak_mark();
    int fd = socket(AF_INET, SOCK_DGRAM, 0), second = dup(fd), unseen;
    sockleak_ignore(second);
    close(second);
    __asm__ volatile("syscall" : "=a"(unseen) : "a"(SYS_socket), "D"(AF_INET), "S"(SOCK_STREAM), "d"(0) : "rcx", "r11", "memory");
    sockleak_ignore(unseen);
    printf("%d\n", sockleak_check(start, SOCKLEAK_ALL, 0));
    return 0;
}
END
    run with_agent 'grace=0s' "$TESTTMP/i"
    [ "$status" -eq 0 ]
    [ "$output" = 0 ] || { echo "$output"; return 1; }
}

@test "eight threads of tests, 1,000 rounds: every leak is laid to the right test, none to a wrong one" {
    run with_agent 'leak_check_at_exit=0' timeout 250 "$VICTIMS/api_parallel" 1000
    [ "$output" = 'active 1, found 2667, wrong 0' ] || { echo "$output"; return 1; }
}

@test "eight threads that open their first sockets at the same moment, 20 times over: each stack has its names" {
    for ((i = 0; i < 20; i++)); do
        run with_agent 'leak_check_at_exit=0' timeout 250 "$VICTIMS/api_parallel" 12
        [ "$output" = 'active 1, found 32, wrong 0' ] || { echo "run $i: $output"; return 1; }
    done
}

@test "a budget tolerates N sockets and not one more, in SOCKLEAK_OPTIONS and under run; suppressed ones use none of it" {
    cp "$VICTIMS/run_leak" "$TESTTMP/suite"
    local leaks
    for leaks in 0 3 4; do
        run with_agent 'exitcode=23:kinds=all:max_allowed=3' "$TESTTMP/suite" "$leaks"
        [ "$status" -eq $((leaks > 3 ? 23 : 0)) ] || { echo "options, $leaks: $status"; return 1; }
        ((leaks == 0)) || contains "$output" "SUMMARY: sockleak: $leaks sockets leaked"
        run "$SOCKLEAK" run --exitcode 23 --kinds all --max-allowed 3 -- "$TESTTMP/suite" "$leaks" 3>&- 4>&-
        [ "$status" -eq $((leaks > 3 ? 23 : 0)) ] || { echo "run, $leaks: $status"; return 1; }
        SOCKLEAK_OPTIONS=exitcode=23:kinds=all:max_allowed=3 run "$SOCKLEAK" run -- "$TESTTMP/suite" "$leaks" 3>&- 4>&-
        [ "$status" -eq $((leaks > 3 ? 23 : 0)) ] || { echo "options under run, $leaks: $status"; return 1; }
    done
    # A status of the program's own is passed on, budget or not.
    run with_agent 'exitcode=23:max_allowed=1' "$TESTTMP/suite" 4 exit 5
    [ "$status" -eq 5 ]
    echo 'close_wait:db_connect' >"$TESTTMP/known"
    run with_agent "exitcode=23:max_allowed=0:suppressions=$TESTTMP/known" "$TESTTMP/suite" 4
    [ "$status" -eq 0 ]
}

@test "under run the budget is one for all processes" {
    # 3 of 20 children leave one socket each.
    run "$SOCKLEAK" run --exitcode 23 --max-allowed 2 -- "$VICTIMS/run_tree" 20 3 3>&- 4>&-
    [ "$status" -eq 23 ]
    run "$SOCKLEAK" run --exitcode 23 --max-allowed 3 -- "$VICTIMS/run_tree" 20 3 3>&- 4>&-
    [ "$status" -eq 0 ]
}

# blind NAME: from standard input what main() does before every mapping is refused; it then asks in each way and prints the answers
blind()
{
    {
        cat <<'END'
#define SOCKLEAK_FAIL(message) fputs(message, stdout)
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sockleak.h>
static void leak_three(void) { for (int i = 0; i < 3; i++) socket(AF_INET, SOCK_DGRAM, 0); }
static void no_more_memory(int yes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = yes ? 4096 : limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
}
static int show(const struct sockleak_finding *f, void *arg) { return (void)f, (void)arg, 0; }
static void say(const char *what, int n) { printf("%s %d %s\n", what, n, n < 0 ? strerrorname_np(errno) : "-"); }
static void ask(sockleak_mark_t start)
{
    static char text[65536];
    say("quiet", sockleak_check(start, SOCKLEAK_ALL | SOCKLEAK_QUIET, 0));
    say("check", sockleak_check(start, SOCKLEAK_ALL, 0));
    say("each", sockleak_each(start, SOCKLEAK_ALL, show, NULL));
    say("report", sockleak_report(1, start, SOCKLEAK_ALL));
    say("text", sockleak_text(text, sizeof text, start, SOCKLEAK_ALL) > 0 ? 1 : -1);
    SOCKLEAK_ASSERT_NONE(start);
}
int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
END
        cat
        printf '    return 0;\n}\n'
    } >"$TESTTMP/$1.c"
    build_victim "$1" "$TESTTMP/$1.c"
}

@test "under RLIMIT_AS no check answers 0: each says ENOMEM, the assertion fails and says so, and with memory again all is seen" {
    blind n <<'END'
    sockleak_mark_t start = sockleak_mark();
    leak_three();
    no_more_memory(1);
    ask(start);
    no_more_memory(0);
    say("again", sockleak_check(start, SOCKLEAK_ALL | SOCKLEAK_QUIET, 0));
END
    run with_agent leak_check_at_exit=0 "$TESTTMP/n"
    echo "$output"
    [ "$status" -eq 0 ]
    for what in quiet check each report text; do contains "$output" "^$what -1 ENOMEM$"; done
    contains "$output" 'could not look for leaked sockets \(no memory\)'
    contains "$output" '^again 3 -$'
}

@test "a program whose first socket finds no memory for a table: every check says ENOMEM, and the end says that nothing was recorded" {
    blind m <<'END'
    no_more_memory(1);
    leak_three();
    ask(1);
END
    run with_agent '' "$TESTTMP/m"
    echo "$output"
    [ "$status" -eq 0 ]
    for what in quiet check each report text; do contains "$output" "^$what -1 ENOMEM$"; done
    contains "$output" 'could not look for leaked sockets'
    [ "$(grep -c 'warning: no memory for a table: no socket of this process was recorded' <<<"$output")" -eq 1 ]
}

@test "where a filter from before the program refuses getsockopt, every check says EBUSY and the end says that leaks may be missing" {
    build_victim filtered - <<'END'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
        return 77;
    return execvp(argv[1], argv + 1);
}
END
    blind r <<'END'
    sockleak_mark_t start = sockleak_mark();
    leak_three();
    ask(start);
END
    run "$TESTTMP/filtered" env LD_PRELOAD="$AGENT" "$TESTTMP/r" 3>&- 4>&-
    echo "$output"
    [ "$status" -ne 77 ] || skip "no filters here"
    [ "$status" -eq 0 ]
    for what in quiet check each report text; do contains "$output" "^$what -1 EBUSY$"; done
    contains "$output" 'could not look for leaked sockets \(another look hangs, or the kernel refused to answer\)'
    contains "$output" 'warning: the kernel did not answer what a check of a socket asks: some leaks may be missing'
}

@test "what an assertion has reported comes once with its stacks, under preload and run, also where the message has no room for it" {
    local option
    for option in '' -DSOCKLEAK_MESSAGE_SIZE=300; do
        build_victim once - -I"$TOP/tests/victims" $option <<'C'
#include <stdio.h>
#include <stdlib.h>
#define SOCKLEAK_FAIL(message) (fputs(message, stderr), exit(1))
#include "sockleak.h"
#include "victim.h"
int main(void)
{
    int listener = listen_loopback();
    sockleak_mark_t start = sockleak_mark();
    connect_loopback();
    close((int)MUST(accept(listener, NULL, NULL)));
    SOCKLEAK_ASSERT_NONE(start);
    return 0;
}
C
        run with_agent leak_check_at_exit=all "$TESTTMP/once"
        [ "$status" -eq 1 ]
        [ "$(grep -c '#0 connect_loopback' <<<"$output")" -eq 1 ]
        [ "$(grep -c '^  with its stacks in the report of an assertion$' <<<"$output")" -eq 1 ]
        run "$SOCKLEAK" run --output "$TESTTMP/kept" -- "$TESTTMP/once" 3>&- 4>&-
        [ "$status" -eq 1 ]
        [ "$(grep -c '#0 connect_loopback' <<<"$output")" -eq 1 ]
    done
    contains "$output" 'the report is longer than SOCKLEAK_MESSAGE_SIZE: it is on standard error'
    contains "$output" 'it holds 1 state file of earlier runs; this run.s report leaves it out'
    run "$SOCKLEAK" report "$TESTTMP/kept" # whoever reads it later has the stacks (of the build that is still there)
    [ "$(grep -c '#0 connect_loopback' <<<"$output")" -eq 1 ]
    lacks "$output" 'in the report of an assertion'
}
