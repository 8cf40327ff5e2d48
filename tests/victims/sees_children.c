/* SPDX-License-Identifier: MIT */
/* sees_children: leaks a socket and tells of each SIGCHLD, and at its end of each child that a plain wait knows. */
#include <signal.h>
#include <sys/wait.h>

#include "victim.h"

static void on_child(int number)
{
    (void)number;
    if (write(1, "SIGCHLD\n", 8) < 0)
        _exit(98);
}

static void at_end(void)
{
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        say("child");
}

int main(void)
{
    int pair[2];
    signal(SIGCHLD, on_child);
    atexit(at_end);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    MUST(close(pair[1]));
    say("leaked");
    return 0;
}
