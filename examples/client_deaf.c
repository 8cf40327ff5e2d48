/* SPDX-License-Identifier: MIT */
/*
 * client_deaf.c: a client that sends and never reads: the answer and the server's FIN wait in the kernel, nobody is told.
 *
 * usage: client_deaf PORT LOGINS
 *
 * No receive call ever returns 0 here, so looking at return values would find nothing: only the kernel knows that the server has gone.
 * SIGTERM ends it in good order.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char request[] = "LOGIN guest\r\n";

static int login_connect(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
        perror("client_deaf");
        exit(1);
    }
    return fd;
}

static bool login(unsigned port)
{
    int fd = login_connect(port);

    return send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: client_deaf PORT LOGINS\n");
        return 2;
    }
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    sigprocmask(SIG_BLOCK, &end, NULL);

    unsigned port = (unsigned)atoi(argv[1]);
    int logins = atoi(argv[2]), good = 0;
    for (int i = 0; i < logins; i++) {
        good += login(port);
        usleep(250 * 1000);
    }
    printf("%d logins tried, %d sent\n", logins, good);
    fflush(stdout);

    int number;
    sigwait(&end, &number); /* a real one would go on with other work */
    return 0;
}
