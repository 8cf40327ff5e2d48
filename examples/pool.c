/* SPDX-License-Identifier: MIT */
/*
 * pool.c: a connection pool whose server hangs up on idle connections: the steady one, and the leaking one.
 *
 * usage: pool PORT ROUNDS [--forget]
 *
 * The pool keeps up to SIZE connections. The server (server.c) has ended each of them after its answer, which the pool does not notice before it uses
 * the connection again: a few sockets in CLOSE_WAIT, never more than SIZE, which a report marks "steady (a pool?)".
 * With --forget it replaces a connection that went stale and forgets to close the old one: the count grows with each round, and that is the leak.
 * SIGTERM ends it in good order.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE 4

static unsigned port;
static bool forget;
static int idle[SIZE] = {-1, -1, -1, -1};

static int pool_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
        perror("pool");
        exit(1);
    }
    return fd;
}

static bool is_stale(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int pool_take(int i)
{
    int fd = idle[i];

    idle[i] = -1;
    if (fd >= 0 && is_stale(fd)) {
        if (!forget)
            close(fd);
        fd = -1;
    }
    return fd >= 0 ? fd : pool_connect();
}

static void ask(int fd)
{
    static const char request[] = "LOGIN guest\r\n";
    char reply[128];

    send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    recv(fd, reply, sizeof reply, 0);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--forget") != 0)) {
        fprintf(stderr, "usage: pool PORT ROUNDS [--forget]\n");
        return 2;
    }
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    sigprocmask(SIG_BLOCK, &end, NULL);

    port = (unsigned)atoi(argv[1]);
    forget = argc == 4;
    for (int round = atoi(argv[2]); round > 0; round--) {
        for (int i = 0; i < SIZE; i++) {
            int fd = pool_take(i);
            ask(fd);
            idle[i] = fd;
        }
        usleep(100 * 1000);
    }
    printf("done, %d connections in the pool\n", SIZE);
    fflush(stdout);

    int number;
    sigwait(&end, &number);
    return 0;
}
