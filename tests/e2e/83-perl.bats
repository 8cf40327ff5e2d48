#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The frames of Perl are the program's own code. Needs perl and LWP, which scripts/setup installs.
load helpers
load runtimes

RUNTIME=perl
OWN_FILES='"IO/Socket" not in f["file"]'

setup()
{
    helpers_setup
    REAL=$TOP/tests/real
}

line_of() { grep -n -- "$1" "$REAL/leaks.pl" | head -n 1 | cut -d: -f1; }
guilty()
{
    local dial login cache refresh work_login work_cache
    dial=$(line_of 'my $s = IO::Socket')
    login=$(line_of '^sub guilty_login')
    cache=$(line_of '^my $refresh')
    refresh=$(line_of '^sub guilty_refresh')
    work_login=$(line_of 'guilty_login() for')
    work_cache=$(line_of 'guilty_refresh(2)')
    printf '%s main::dial:%s < Cache::__ANON__:%s < Cache::guilty_refresh:%s < main::work:%s%s\n' "$1" "$dial" "$cache" "$refresh" "$work_cache" "$3"
    printf '%s main::dial:%s < main::guilty_login:%s < main::work:%s%s\n' "$2" "$dial" "$login" "$work_login" "$3"
}
at_end() { printf ' < (main):%s' "$(line_of '^else { work() }')"; }

@test "perl: two guilty subs are two groups with their counts, the innocent is none, and their lines stand first" {
    run with_agent "$NOW" perl "$REAL/leaks.pl"
    [ "$status" = 0 ]
    contains "$output" "#0 main::dial +.*leaks.pl:$(line_of 'my $s = IO::Socket')"
    logged log "" perl "$REAL/leaks.pl"
    [ "$status" = 0 ]
    is_guilty "$TESTTMP/log" 3 2 "$(at_end)"
}

@test "perl: a call site has the same name in three runs and in another folder" {
    local n first
    mkdir "$TESTTMP/elsewhere"
    cp "$REAL/leaks.pl" "$TESTTMP/elsewhere"
    for n in 1 2 3; do
        logged "log$n" "" perl "$REAL/leaks.pl"
    done
    logged log4 "" perl "$TESTTMP/elsewhere/leaks.pl"
    first=$(sites "$TESTTMP/log1")
    [ "$(wc -w <<<"$first")" = 2 ]
    for n in 2 3 4; do
        [ "$(sites "$TESTTMP/log$n")" = "$first" ]
    done
}

@test "perl: what was stuck until Perl closed all at the end is counted, however the program ends" {
    run env SOCKLEAK_OPTIONS="$NOW" "$SOCKLEAK" run --exitcode 23 -- perl "$REAL/leaks.pl" 3>&-
    [ "$status" = 23 ]
    run env SOCKLEAK_OPTIONS="$NOW" "$SOCKLEAK" run --exitcode 23 -- perl "$REAL/leaks.pl" exit 3>&-
    [ "$status" = 23 ]
    # variables of a file or a sub, which the last scopes destroy before Perl says that it ends
    local mine='use IO::Socket::INET; my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 5);
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $l->sockport); my $c = $l->accept; close $c; sysread $s, $c, 1;'
    for end in '' 'exit 0' 'sub inner { my $t = $s; undef $s; exit 0 } inner()' 'die "the end\n"' 'eval { die 1 }; { local $@; } '; do
        logged end "" perl -e "$mine $end"
        [ "$(json "$TESTTMP/end" 'sum(l["count"] for l in leaks)')" = 1 ]
    done
    # the program's own code closes it: in END, at the end of a block, when an exception leaves one
    for end in 'END { close $s }' '{ my $t = $s; undef $s } 1' 'eval { my $t = $s; undef $s; die "out\n" }'; do
        logged end "" perl -e "$mine $end"
        [ "$(json "$TESTTMP/end" 'len(leaks)')" = 0 ]
    done
}

@test "perl: a program that is attached to shows its subs, and after SIGKILL its report does" {
    attached_and_killed " < (main):$(line_of '^    work();')" perl "$REAL/leaks.pl" wait
}

@test "perl: threads and forked children have their own subs" {
    mkfifo "$TESTTMP/in"
    logged fork "" perl "$REAL/leaks.pl" fork
    is_guilty "$TESTTMP/fork" 3 2 " < (main):$(line_of 'work() unless')"
    perl -Mthreads -e 1 || skip "a perl without threads"
    env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$NOW:log_format=json:log_path=$TESTTMP/threads.%p" perl "$REAL/leaks.pl" threads \
        <"$TESTTMP/in" >"$TESTTMP/threads.out" 3>&- &
    STARTED+=("$!")
    exec 5>"$TESTTMP/in"
    wait_for 60 eval '[ "$(grep -c worked "$TESTTMP/threads.out")" = 2 ]'
    exec 5>&-
    wait "${STARTED[-1]}"
    cat "$TESTTMP"/threads.[0-9]* >"$TESTTMP/threads"
    is_guilty "$TESTTMP/threads" 6 4 " < main::__ANON__:$(line_of 'threads->create')"
}

@test "perl: a thread's end is not the program's, what it closes then is closed" {
    perl -Mthreads -e 1 || skip "a perl without threads"
    logged log "" perl -Mthreads -MIO::Socket::INET -e '
        my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 5);
        threads->create(sub {
            our $kept = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $l->sockport);
            my $c = $l->accept; close $c; sysread $kept, $c, 1; select undef, undef, undef, 0.5 })->join;
        print "fine\n"'
    [ "$output" = fine ]
    [ "$(json "$TESTTMP/log" 'len(leaks)')" = 0 ]
}

@test "perl: without it in runtimes= there are native frames only" {
    for o in none python; do
        logged log "runtimes=$o" perl "$REAL/leaks.pl" quick
        [ "$(json "$TESTTMP/log" '{f["runtime"] for l in leaks for f in l["frames"]}')" = "{'native'}" ]
    done
}

@test "perl: hundreds of random stacks are as caller says" {
    local seed
    for seed in 1 2; do
        mkdir -p "$TESTTMP/files.$seed"
        logged log kinds=all:max_frames=128 perl "$REAL/stacks.pl" "$seed" 400 "$TESTTMP/files.$seed" "$TESTTMP/caller"
        as_itself_says "$TESTTMP/caller"
    done
}

@test "perl: code that took the place of freed code has its own name" {
    logged log kinds=all perl -MSocket -e '
        for my $n (1 .. 600) {
            my $name = "made" . $n % 300;
            eval "sub $name { socket my \$s, PF_INET, SOCK_STREAM, 0; push \@::kept, \$s; fileno \$s } 1" or die $@;
            my $fd = &$name();
            print STDOUT join("\t", $fd, "main::$name", "(eval)", 1, "(main)", "-e", 5), "\n";
            undef &$name;
            delete $::{$name};
        }'
    echo "$output" >"$TESTTMP/own"
    as_itself_says "$TESTTMP/own"
}

@test "perl: a version that is not known is refused, with a line that says so" {
    build_victim stranger - -rdynamic -DVERSION=38 <<'C'
#include <sys/socket.h>
char PL_version = VERSION;
unsigned short PL_interp_size = 3768;
int PL_thr_key;
void *PL_curinterp;
int Perl_runops_standard(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}
int main(void)
{
    return Perl_runops_standard() < 0 || Perl_runops_standard() < 0;
}
C
    run with_agent "$NOW:verbosity=1" "$TESTTMP/stranger"
    [ "$status" = 0 ]
    contains "$output" "perl.*: its version or build is not known"
}

@test "perl: the example with LWP names the line that leaks, and the fixed one is clean" {
    cd "$TOP/examples/perl-leak"
    service perl service.pl
    leaking perl leaking.pl
    contains "$output" 'opened 4, closed 1, stuck 3'
    contains "$output" "main::log_in +leaking.pl:$(grep -n 'agent->get' leaking.pl | cut -d: -f1)"
    fixed perl fixed.pl
}
