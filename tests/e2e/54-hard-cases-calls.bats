#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The hard cases of calls and processes that the other files leave open: errors that tell of an end, closes that no wrapper sees, races.

load helpers

# left: the leaks as `kind how eof-function`
left() { json "$TESTTMP/log" '"\n".join(sorted(f"{l['"'kind'"']} {l['"'how'"']} {l['"'eof_frames'"'][0]['"'symbol'"'] if l['"'eof_frames'"'] else None}" for l in leaks))'; }

@test "B9: EPIPE after a reset, a connect that times out, one that fails later: the kind, and the stack that was told" {
    compared "" hard_calls epipe
    contains "$output" 'told (Connection reset by peer|Broken pipe)'
    [ "$(left)" = "dead reset told_by_error" ]
    compared "" hard_calls timeout
    contains "$output" 'told Connection timed out'
    contains "$(left)" '^never_connected None told_by_error$'
    compared "" hard_calls refused_later
    contains "$output" 'told Connection refused'
    contains "$(left)" '^never_connected None told_by_error$'
}

@test "B10: a stuck socket that was closed by a raw system call is not reported, whatever has its number" {
    [ "$(uname -m)" = x86_64 ] || skip "makes its system call by hand"
    compared "" hard_calls by_hand
    contains "$output" 'same number 1'
    [ "$(left)" = "" ]
}

@test "B10: what io_uring accepted is found stuck, what io_uring closed is not" {
    local word
    "$VICTIMS/hard_uring" accept </dev/null >/dev/null || [ $? != 77 ] || skip "this kernel has no io_uring"
    for word in accept close; do
        mkfifo "$TESTTMP/$word.in"
        start_agent "$word" "grace=500ms:interval=250ms:log_format=json:log_path=$TESTTMP/log" bash -c "exec '$VICTIMS/hard_uring' $word <'$TESTTMP/$word.in'"
        exec 7>"$TESTTMP/$word.in"
        wait_for 20 grep -q ready "$TESTTMP/$word.out"
        [ "$word" = close ] || wait_for 30 grep -q '"reason":"grace".*"kind":"close_wait".*"origin":"unseen"' "$TESTTMP/log.$pid"
        exec 7>&-
        wait_for 20 ended "$pid"
        [ "$word" = accept ] || lacks "$(cat "$TESTTMP/log.$pid" 2>/dev/null)" '"type":"leak"'
    done
}

@test "B10: resolver, syslog, popen and posix_spawn open and close inside libc: they work, and nothing is reported" {
    compared "" hard_calls inside_libc
    contains "$output" 'popen 0'
    [ "$(left)" = "" ]
}

@test "C4: closes that race with accepts on other threads: every socket that is open has its own stack and thread" {
    run with_agent "log_path=$TESTTMP/log" "$VICTIMS/stress_churn" 2 8 11
    echo "$output"
    [ "$status" = 0 ]
    contains "$output" 'wrong 0$'
}

@test "C5: a close that is interrupted has closed" {
    build_victim one - <<'END'
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    int fd[10];
    for (int i = 0; i < 10; i++)
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 1; i < 10; i++)
        if (close(fd[i]) != -1 || errno != EINTR)
            return 98;
    return raise(SIGKILL); /* nobody can ask the kernel any more */
}
END
    local style # of the table through which the library behind us is found
    for style in gnu sysv; do
        "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -O1 -shared -fPIC -Wl,--hash-style=$style -o "$TESTTMP/eintr.so" "$TOP/tests/victims/preload/eintr.c"
        run env LD_PRELOAD="$AGENT:$TESTTMP/eintr.so" "$TESTTMP/one"
        [ "$status" = 137 ]
        "$SOCKLEAK" report --format json --kinds all --min-age 0 "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/log"
        [ "$(json "$TESTTMP/log" "[(l['count'], l['opened'], l['closed']) for l in leaks]")" = "[(1, 10, 9)]" ]
        rm -r "$XDG_RUNTIME_DIR/sockleak"
    done
}

@test "C13: a set-user-ID program is left alone by the loader and behaves as ever" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    chmod 755 "$TESTTMP"
    cp "$VICTIMS/each_kind" "$TESTTMP/suid"
    chown nobody "$TESTTMP/suid"
    chmod 4755 "$TESTTMP/suid"
    findmnt -n -o OPTIONS -T "$TESTTMP" | grep -q nosuid && skip "$TESTTMP is mounted nosuid"
    run with_agent "" "$TESTTMP/suid" hangup
    [ "$status" = 0 ]
    [ "$output" = "" ]
    run "$SOCKLEAK" run -- "$TESTTMP/suid" hangup
    [ "$status" = 1 ]
    contains "$output" 'is set-user-ID'
}

@test "E5: a program that loads the agent and unloads it again goes on: the library stays" {
    build_victim unloads - <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char line[4096];
    int there = 0;
    for (int i = 0; i < 3; i++) {
        void *lib = dlopen(argv[argc - 1], RTLD_NOW);
        if (!lib)
            return 98;
        dlclose(lib);
    }
    close(socket(AF_INET, SOCK_STREAM, 0));
    if (fork() == 0)
        _exit(0);
    wait(NULL);
    for (FILE *f = fopen("/proc/self/maps", "r"); f && fgets(line, sizeof line, f);)
        there |= strstr(line, "libsockleak") != NULL;
    printf("there %d\n", there);
    return 0;
}
END
    run "$TESTTMP/unloads" "$AGENT"
    [ "$status" = 0 ]
    [ "$output" = "there 1" ]
    run with_agent "" "$TESTTMP/unloads" "$AGENT"
    [ "$status" = 0 ]
    [ "$output" = "there 1" ]
}
