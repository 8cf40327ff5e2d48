/* SPDX-License-Identifier: MIT */
/*
 * victim.c: what runs while the library's own calls fail: `victim leak|fork|check`.
 *
 * leak: three sockets whose peer has closed are left at the end. fork: a child leaves three of its
 * own, then the parent. check: a test asks for three sockets in each of the ways that sockleak.h
 * has, and prints what it was told; "blind" stands for -1 with ENOMEM or EBUSY.
 */
#define SOCKLEAK_FAIL(message) (void)(failed = (message)[0] != 0)
static int failed;
#include <sockleak.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../newer.h"

static void leave_one(void)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0)
        close(fd[1]);
}

static void leave_three(void)
{
    for (int i = 0; i < 3; i++)
        leave_one();
}

static int count(const struct sockleak_finding *finding, void *arg)
{
    (void)finding;
    (void)arg;
    return 0;
}

static void say(const char *what, int n)
{
    if (n == -1 && (errno == ENOMEM || errno == EBUSY))
        printf("%s blind\n", what);
    else if (n == -1)
        printf("%s %s\n", what, strerrorname_np(errno));
    else
        printf("%s %d\n", what, n);
}

static void check(void)
{
    static char text[65536];
    sockleak_mark_t start = sockleak_mark();
    leave_three();
    say("quiet", sockleak_check(start, SOCKLEAK_ALL | SOCKLEAK_QUIET, 0));
    say("check", sockleak_check(start, SOCKLEAK_ALL, 0));
    say("each", sockleak_each(start, SOCKLEAK_ALL, count, NULL));
    say("report", sockleak_report(2, start, SOCKLEAK_ALL));
    int n = sockleak_text(text, sizeof text, start, SOCKLEAK_ALL);
    say("text", n > 0 && strstr(text, "3 sockets") ? 3 : n);
    SOCKLEAK_ASSERT_NONE(start);
    printf("assertion %s\n", failed ? "failed" : "passed");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(what, "check"))
        check();
    if (!strcmp(what, "leak") || !strcmp(what, "fork"))
        leave_three();
    if (!strcmp(what, "fork")) {
        pid_t child = fork();
        int status = -1;
        if (child == 0) {
            leave_three();
            puts("child done");
            exit(7);
        }
        waitpid(child, &status, 0);
        printf("child ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
    puts("done");
    return 3;
}
