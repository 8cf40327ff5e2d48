#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 33-top-view: what the live view shows in windows of all sizes, as pictures, and that it bears ten thousand sites.

load helpers

setup()
{
    helpers_setup
    command -v tmux >/dev/null || skip "tmux is not installed"
    TMUX_SOCKET=$TESTTMP/tmux
    export LC_ALL=C.UTF-8
}

teardown()
{
    tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null
    helpers_teardown
}

tm() { tmux -S "$TMUX_SOCKET" "$@"; }
screen() { tm capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
see() { wait_for 60 shows "$1" || { screen; return 1; }; }
keys() { tm send-keys "$@"; }
picture() { { echo "# $1"; screen | sed 's/^/# |/'; } >&3; }

top_at() # WIDTH HEIGHT ARGS...
{
    tm -u -f /dev/null new-session -d -x "$1" -y "$2" "'$SOCKLEAK' top ${*:3}; echo ended \$?; exec cat" 3>&- 4>&-
}

# sites: two sites with a stack, one of a long name in a deep folder, and sockets that no wrapper saw; SIGUSR1: three more of the long name, one less
# of the other
sites()
{
    local folder=src/server/upstream/connections
    mkdir -p "$TESTTMP/$folder"
    cat >"$TESTTMP/$folder/client.c" <<'C'
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "victim.h"
static volatile sig_atomic_t told;
static int listener;
static void tell(int number) { told = number; }
static struct sockaddr_in there;
static int end_of(int fd)
{
    MUST(connect(fd, (struct sockaddr *)&there, sizeof there));
    close((int)MUST(accept(listener, NULL, NULL)));
    return fd;
}
static void open_a_connection_to_the_upstream_that_nobody_ever_closes(void) { end_of(socket(AF_INET, SOCK_STREAM, 0)); }
static void new_one(void) { end_of(socket(AF_INET, SOCK_STREAM, 0)); }
static int short_one(void) { return end_of(socket(AF_INET, SOCK_STREAM, 0)); }
static void unseen(void)
{
    int both[2];
    long r;
    register int *pair __asm__("r10") = both;
    __asm__ volatile("syscall" : "=a"(r) : "a"((long)SYS_socketpair), "D"(1L), "S"(1L), "d"(0L), "r"(pair) : "rcx", "r11", "memory");
    MUST((int)r);
    close(both[1]);
}
int main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, tell);
    socklen_t size = sizeof there;
    int last = 0;
    listener = listen_loopback();
    getsockname(listener, (struct sockaddr *)&there, &size);
    for (int round = 0;; round++) {
        for (int i = 0; i < (round ? 3 : 5); i++)
            open_a_connection_to_the_upstream_that_nobody_ever_closes();
        for (int i = 0; i < (round ? 0 : 9); i++)
            last = short_one();
        if (round)
            new_one();
        else
            unseen();
        puts(round ? "more" : "ready");
        fflush(stdout);
        for (told = 0; !told;)
            usleep(10000);
        close(last);
    }
}
C
    (cd "$TESTTMP" && build_victim sites "$folder/client.c" -I"$TOP/tests/victims")
    start_agent sites grace=300ms:interval=250ms:leak_check_at_exit=0 "$TESTTMP/sites"
    wait_for 20 grep -q ready "$TESTTMP/sites.out"
    wait_for 30 eval "'$SOCKLEAK' top $pid | grep -q 'no stack'"
    sites=$pid
}

@test "at 80x24, 120x40 and 40x10 file and line of a long name are seen, and the left and right keys show what is cut off" {
    [ "$(uname -m)" = x86_64 ] || skip "the victim's own system call is written for x86-64"
    sites
    top_at 80 24 --delay 24h "$sites"
    see ' 5 +\. +\. .*close_wait +…[a-z_]*ever_closes …/?client\.c:[0-9]+$'
    see ' 9 .*close_wait +short_one .*/client\.c:[0-9]+$'
    see '^without a stack that opened them:$'
    [ "$(screen | sed -n '/^without a stack/,$p' | grep -c '(no stack)')" -eq 1 ]
    [ "$(screen | wc -L)" -le 80 ]
    picture 'the list at 80x24'
    keys Right
    see '^….*open_a_connection_to_the_upstrea.*…$'
    picture 'the list, half a window to the right'
    keys Left
    see '^ *STUCK\*'
    keys Down Enter
    see '#[0-9] open_a_connection_to_the_upstream_that_nobody_ever_closes +.*…$'
    picture 'a site at 80x24'
    keys Right
    see '^….*src/server/upstream/connections/client\.c:[0-9]+$'
    keys q
    tm resize-window -x 120 -y 40
    see '…[a-z_]*connection_to_the_upstream_that_nobody_ever_closes …/?client\.c:[0-9]+$'
    see ' LIVE '
    picture 'the list at 120x40'
    tm resize-window -x 40 -y 10
    see '^ *9 +[0-9]+s  short_one ….*client\.c:[0-9]+$'
    [ "$(screen | wc -L)" -le 40 ]
    picture 'the list at 40x10'
    keys q
    see '^ended 0'
}

@test "End and Home lead to the last and the first site, and ? to the keys and back" {
    [ "$(uname -m)" = x86_64 ] || skip "the victim's own system call is written for x86-64"
    sites
    top_at 80 24 --delay 24h "$sites"
    see '^without a stack'
    keys End Enter
    see '^1 hangup, '
    keys q
    see '^without a stack'
    keys Home Enter
    see '^9 close_wait, '
    keys q
    see '^without a stack'
    keys '?'
    see '^the keys of sockleak top'
    see 'have the agent look now'
    picture 'the keys at 80x24'
    keys x
    see '^without a stack'
    tm resize-window -x 40 -y 10
    keys '?' End
    see 'ten minutes'
    [ "$(screen | wc -L)" -le 40 ]
    keys Home
    see '^up down k j'
    picture 'the keys at 40x10'
    keys q
    see 'short_one'
    keys q
    see '^ended 0'
}

@test "what changed since the last look is said of each site and of all" {
    [ "$(uname -m)" = x86_64 ] || skip "the victim's own system call is written for x86-64"
    sites
    top_at 100 24 --delay 24h "$sites"
    see ' 5 +\. '
    lacks "$(screen)" 'since the last look'
    keys r
    see '^since the last look: no change'
    kill -USR1 "$sites"
    wait_for 20 grep -q more "$TESTTMP/sites.out"
    keys r
    see '^since the last look: \+4 -1 stuck, 1 site new$'
    see ' 8 +\+3 .*ever_closes'
    see ' 8 +-1 .*short_one'
    see ' 1 +new .*new_one'
    picture 'what changed'
    keys r
    see '^since the last look: no change'
}

@test "colour marks what grows and what is nearly out; without NO_COLOR alone" {
    start_agent leaker grace=300ms:interval=250ms:leak_check_at_exit=0 bash -c "ulimit -n 400; exec '$VICTIMS/scan_top'"
    port_of leaker >/dev/null
    top_at 80 24 --delay 200ms "$pid"
    colored() { tm capture-pane -pe | grep -qE -- "$1"; }
    wait_for 90 colored $'\033\\[(0;)?(1;)?3[13]m.*(growing|descriptors out|used up)'
    wait_for 90 colored $'\033\\[(0;)?(1;)?31m.*(out in|used up|descriptors [0-9]+ of 400)'
    tm kill-server
    TMUX_SOCKET=$TESTTMP/tmux.2 # the first server may still be ending
    tm -u -f /dev/null new-session -d -x 80 -y 24 "NO_COLOR=1 '$SOCKLEAK' top $pid; exec cat" 3>&- 4>&-
    see '^opened [0-9]'
    lacks "$(tm capture-pane -pe)" $'\033\\[(0;)?(1;)?3[13]m'
}

@test "q leaves the terminal as it was" {
    start_agent leaker grace=300ms:interval=250ms:leak_check_at_exit=0 "$VICTIMS/scan_top"
    port_of leaker >/dev/null
    tm -u -f /dev/null new-session -d -x 80 -y 24 sh 3>&- 4>&-
    keys "PS1='> '; stty -g >'$TESTTMP/before'; echo what stood there before; '$SOCKLEAK' top $pid; stty -g >'$TESTTMP/after'; echo back" Enter
    see '^opened [0-9]'
    [ "$(tm display -p '#{alternate_on} #{cursor_flag}')" = '1 0' ]
    keys q
    see '^back'
    see '^what stood there before'
    [ "$(tm display -p '#{alternate_on} #{cursor_flag}')" = '0 1' ]
    cmp "$TESTTMP/before" "$TESTTMP/after"
}

@test "over ten thousand sites it answers its keys, looks seldom enough, and its memory does not grow" {
    [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 12000 ] || skip "the limit of descriptors is too low"
    build_victim many - -I"$TOP/tests/victims" <<'C'
#include <sys/prctl.h>
#include <signal.h>
#include "victim.h"
static void one(unsigned way, unsigned left);
static void two(unsigned way, unsigned left);
static void on(unsigned way, unsigned left)
{
    int both[2];
    if (left == 0) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, both));
        close(both[1]);
    } else if (way & 1)
        one(way >> 1, left - 1);
    else
        two(way >> 1, left - 1);
    __asm__ volatile("");
}
static void one(unsigned way, unsigned left) { on(way, left); __asm__ volatile(""); }
static void two(unsigned way, unsigned left) { on(way, left); __asm__ volatile(""); }
int main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < 10000; i++)
        on(i, 14);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
C
    start_agent many max_frames=60:grace=300ms:interval=250ms:leak_check_at_exit=0 bash -c "ulimit -n 12000; exec '$TESTTMP/many'"
    wait_for 60 grep -q ready "$TESTTMP/many.out"
    wait_for 120 eval "'$SOCKLEAK' top $pid | grep -q '^10000 stuck at 10000 sites'"
    top_at 80 24 --delay 100ms "$pid"
    see '^10000 stuck at 10000 sites'
    local top memory grown began cpu ticks
    top=$(pgrep -f "top --delay 100ms $pid" | while read -r p; do [ "$(cat "/proc/$p/comm")" = sockleak ] && echo "$p"; done)
    [ -n "$top" ]
    keys End
    see '^without a stack|close_wait|hangup'
    keys Home PgDn PgDn
    keys Enter
    see '^opened by socketpair'
    keys End
    see '^ fd [0-9]'
    keys q
    see '^10000 stuck'
    picture 'ten thousand sites at 80x24'
    resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$top/status"; }
    spent() { cut -d ' ' -f 14,15 "/proc/$top/stat" | { read -r u s; echo $((u + s)); }; }
    memory=$(resident)
    ticks=$(spent)
    began=$SECONDS
    sleep 6
    cpu=$(($(spent) - ticks))
    grown=$(($(resident) - memory))
    echo "# $cpu ticks of $((SECONDS - began)) s, $memory KiB, $grown KiB more" >&3
    [ "$cpu" -le $(((SECONDS - began + 1) * 60)) ]
    [ "$memory" -le 300000 ]
    [ "$grown" -le 20000 ]
    keys q
    see '^ended 0'
}
