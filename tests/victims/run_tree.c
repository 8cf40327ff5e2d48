/* SPDX-License-Identifier: MIT */
/*
 * run_tree.c: forks many children that use a connection each; a few of them forget to close it.
 *
 * usage: run_tree CHILDREN LEAKERS
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_connection(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        exit(99);
    close(pair[1]);
    return pair[0];
}

static void work(int leaks)
{
    int fd = open_connection();
    if (!leaks)
        close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    int children = atoi(argv[1]), leakers = atoi(argv[2]), bad = 0, status;
    for (int i = 0; i < children; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            work(i < leakers);
            exit(0);
        }
        bad |= pid < 0;
    }
    while (wait(&status) > 0)
        bad |= status;
    return bad != 0;
}
