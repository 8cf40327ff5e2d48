/* SPDX-License-Identifier: MIT */
/*
 * wrap_closes WAY: two connections from one line, whose peers have closed. One is never closed; the other is, in one of the ways that there are, or in
 * one that only looks like it (kept_*). So at exit one or both are left in CLOSE_WAIT, and the line has closed one or none.
 */
#include "victim.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>

#include "../newer.h"

int __close(int);
int __dup2(int, int);

static int is(const char *way, const char *name) { return strcmp(way, name) == 0; }

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    int listener = listen_loopback(), null = (int)MUST(open("/dev/null", O_RDWR)), fd = -1, kept = -1;
    for (int i = 0; i < 2; i++) {
        int client = connect_loopback();
        kept = fd;
        fd = (int)MUST(accept(listener, NULL, NULL));
        MUST(close(client));
    }
    MUST(close(listener));

    if (is(way, "close"))
        MUST(close(fd));
    else if (is(way, "__close"))
        MUST(__close(fd));
    else if (is(way, "syscall_close"))
        MUST(syscall(SYS_close, fd));
    else if (is(way, "fclose"))
        MUST(fclose(fdopen(fd, "r+")));
    else if (is(way, "fclose_of_two"))
        MUST(fclose(fdopen((int)MUST(dup(fd)), "r")) | close(fd));
    else if (is(way, "freopen"))
        MUST(freopen("/dev/null", "r", fdopen(fd, "r")) ? 0 : -1);
    else if (is(way, "close_range"))
        MUST(close_range((unsigned)fd, ~0u, 0));
    else if (is(way, "syscall_close_range"))
        MUST(syscall(SYS_close_range, fd, fd, 0));
    else if (is(way, "close_range_unshare"))
        MUST(close_range((unsigned)fd, ~0u, CLOSE_RANGE_UNSHARE));
    else if (is(way, "closefrom"))
        closefrom(fd);
    else if (is(way, "dup2"))
        MUST(dup2(null, fd));
    else if (is(way, "__dup2"))
        MUST(__dup2(null, fd));
    else if (is(way, "dup3"))
        MUST(dup3(null, fd, O_CLOEXEC));
    else if (is(way, "syscall_dup3"))
        MUST(syscall(SYS_dup3, null, fd, 0));
    else if (is(way, "moved"))
        MUST(dup2(fd, 500) | close(fd) | close(500));
    else if (is(way, "daemon"))
        MUST(dup2(fd, 0) | close(fd) | daemon(1, 0)); /* the parent ends here, the child has /dev/null there */
    else if (is(way, "clean_daemon"))
        MUST(close(fd) | close(kept) | daemon(1, 0));
    else if (is(way, "kept_cloexec"))
        MUST(close_range((unsigned)fd, ~0u, CLOSE_RANGE_CLOEXEC));
    else if (is(way, "kept_dup"))
        MUST(dup(fd) | close(fd));
    else if (is(way, "kept_F_DUPFD"))
        MUST(fcntl(fd, F_DUPFD, 400) | close(fd));
    else if (is(way, "kept_F_DUPFD_CLOEXEC"))
        MUST(fcntl(fd, F_DUPFD_CLOEXEC, 400) | close(fd));
    else if (is(way, "kept_dup2"))
        MUST(dup2(fd, null) | close(fd));
    else if (is(way, "kept_dup2_self"))
        MUST(dup2(fd, fd));
    else if (is(way, "kept_dup2_failed"))
        MUST(dup2(-1, fd) == -1 ? 0 : -1);
    else if (is(way, "kept_dup3_failed"))
        MUST(dup3(null, fd, 12345) == -1 ? 0 : -1);
    else if (is(way, "kept_bad_range"))
        MUST(close_range((unsigned)fd, (unsigned)fd, 1 << 20) == -1 ? 0 : -1);
    else if (is(way, "kept_refused_range")) /* by a filter: close_range_refused.c */
        MUST(close_range((unsigned)kept, ~0u, 0) == -1 ? 0 : -1);
    else if (is(way, "kept_refused_syscall"))
        MUST(syscall(SYS_close_range, kept, ~0u, 0) == -1 ? 0 : -1);
    else if (is(way, "kept_exec_failed"))
        MUST(execl("/no/such/program", "x", (char *)NULL) == -1 ? 0 : -1);
    else
        return 98;
    return 0;
}
