/* SPDX-License-Identifier: MIT */
/*
 * trust.c: one leak or a few, and then what the word says.
 *
 *     trust two           two leaks of one kind, both in main, on lines of their own
 *     trust wait N        N hung up sockets; prints "ready", waits for a signal
 *     trust late S        one hung up socket at the start, after S seconds three more, then exit
 *     trust fork S        the same, but a forked worker opens the three and exits
 *     trust open          a connection, a listener, a datagram socket and half a pair: all healthy; exit
 *     trust close N       N hung up sockets; each line on standard input: a byte is read, "close": closes all
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "own_call.h"

static int hung[1024];
static unsigned n_hung;

__attribute__((noinline)) static void leak_hangup(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        exit(2);
    write(pair[1], "abcdefgh", 8);
    close(pair[1]);
    hung[n_hung++ % 1024] = pair[0];
}

static void healthy(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int pair[2], listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
    bind(listener, (struct sockaddr *)&at, sizeof at);
    listen(listener, 4);
    getsockname(listener, (struct sockaddr *)&at, &len);
    connect(client, (struct sockaddr *)&at, sizeof at);
    connect(udp, (struct sockaddr *)&at, sizeof at);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static void late(const char *word, unsigned seconds)
{
    leak_hangup();
    sleep(seconds);
    pid_t child = strcmp(word, "fork") == 0 ? fork() : 0;
    if (child) {
        waitpid(child, NULL, 0);
        return;
    }
    for (int i = 0; i < 3; i++)
        leak_hangup();
}

static void closes(void)
{
    char line[64], byte;
    while (fgets(line, sizeof line, stdin)) {
        for (unsigned i = 0; i < n_hung; i++)
            line[0] == 'c' ? close(hung[i]) : (int)read(hung[i], &byte, 1);
        puts("done");
    }
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(word, "two") == 0) {
        int pair[2];
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        close(pair[1]);
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        close(pair[1]);
    } else if (strcmp(word, "open") == 0) {
        healthy();
    } else if (strcmp(word, "own_exit") == 0) { /* as Go ends a process */
        leak_hangup();
        own_call(SYS_exit_group, 0, 0, 0);
    } else if (strcmp(word, "late") == 0 || strcmp(word, "fork") == 0) {
        late(word, n);
    } else {
        for (unsigned i = 0; i < n; i++)
            leak_hangup();
        if (argc > 3)
            healthy();
        puts("ready");
        if (strcmp(word, "close") == 0)
            closes();
        else
            pause();
    }
    return 0;
}
