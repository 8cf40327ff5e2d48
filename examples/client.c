/* SPDX-License-Identifier: MIT */
/*
 * client.c: a client that logs in, is refused, swallows the refusal, and forgets the connection without closing it.
 *
 * usage: client PORT LOGINS
 *
 * It reads the server's answer to its end (recv returns 0), so it was told; each refused login leaves one socket in CLOSE_WAIT.
 * client_fixed.c is the same program with the missing close. SIGTERM ends it in good order.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char request[] = "LOGIN guest\r\n";

static int login_connect(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
        perror("client");
        exit(1);
    }
    return fd;
}

/* The whole answer, up to the end of the stream. */
static void read_reply(int fd, char *reply, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while ((n = recv(fd, reply + len, size - 1 - len, 0)) > 0)
        len += (size_t)n;
    reply[len] = '\0';
}

static bool login(unsigned port)
{
    char reply[128];
    int fd = login_connect(port);

    send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    read_reply(fd, reply, sizeof reply);
    if (strncmp(reply, "230", 3) != 0)
        return false;
    close(fd);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: client PORT LOGINS\n");
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
    printf("%d logins tried, %d worked\n", logins, good);
    fflush(stdout);

    int number;
    sigwait(&end, &number); /* a real one would go on with other work */
    return 0;
}
