/* SPDX-License-Identifier: MIT */
/*
 * run_leak.c: leaves connections in CLOSE_WAIT: its own peer closes, it never does.
 *
 * usage: run_leak SOCKETS [exit STATUS|kill SIGNAL|wait|exec PROGRAM]
 *
 * "wait" says "ready" and stays until its input ends.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int db_connect(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) != 0)
        exit(99);
    return fd;
}

static void leak(int n)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    char byte;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 5) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        exit(99);
    for (int i = 0; i < n; i++) {
        int fd = db_connect(&at);
        close(accept(listener, NULL, NULL));
        if (recv(fd, &byte, 1, 0) != 0) /* told of the end, and forgets it */
            exit(99);
    }
    close(listener);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    leak(atoi(argv[1]));
    const char *how = argc > 2 ? argv[2] : "exit", *value = argc > 3 ? argv[3] : "0";
    if (strcmp(how, "kill") == 0)
        raise(atoi(value));
    if (strcmp(how, "exec") == 0)
        execl(value, value, (char *)NULL);
    if (strcmp(how, "wait") == 0) {
        puts("ready");
        fflush(stdout);
        while (getchar() != EOF)
            ;
    }
    return atoi(value);
}
