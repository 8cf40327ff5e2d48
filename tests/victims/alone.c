/* SPDX-License-Identifier: MIT */
/* alone: calls that only a process of one thread may make, or that change what its threads share, between two uses of a connection; tells their results. */
#include <poll.h>
#include <sched.h>

#include "victim.h"

#include "../newer.h"

/* Closes FD in a table that may be a new one, and tells whether the peer hears of it. */
static void close_is_heard(int fd, int peer)
{
    struct pollfd p = {.fd = peer, .events = POLLIN};
    char c;
    close(fd);
    printf("heard %d ", poll(&p, 1, 5000));
    printf("read %zd\n", recv(peer, &c, 1, MSG_DONTWAIT));
}

int main(void)
{
    int listener = listen_loopback(), fd[4][2];
    for (int i = 0; i < 4; i++) {
        fd[i][0] = connect_loopback();
        fd[i][1] = (int)MUST(accept(listener, NULL, NULL));
    }
    close_is_heard(fd[0][0], fd[0][1]);
    printf("unshare files %d\n", unshare(CLONE_FILES));
    close_is_heard(fd[1][0], fd[1][1]);
    dup2(fd[2][0], 600);
    close(fd[2][0]);
    printf("close_range unshare %d\n", close_range(600, 600, CLOSE_RANGE_UNSHARE));
    close_is_heard(599, fd[2][1]);
    printf("new user namespace %d\n", unshare(CLONE_NEWUSER));
    close_is_heard(fd[3][0], fd[3][1]);
    for (int i = 0; i < 4; i++)
        close(fd[i][1]);
    close(listener);
    return 0;
}
