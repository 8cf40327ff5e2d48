/* SPDX-License-Identifier: MIT */
/*
 * server.c: a login server that refuses everybody, correctly: it answers, ends its side, and waits for the client to end the other side.
 *
 * usage: server PORT      (0: any free port; the port is printed)
 *
 * A client that never closes keeps each of these connections in FIN_WAIT_2 here: the server waits for a FIN that does not come, and its descriptors
 * run out. SIGTERM ends it in good order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CLIENTS 1000

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int listen_on(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) || listen(fd, 128) || getsockname(fd, (struct sockaddr *)&at, &len)) {
        perror("server");
        exit(1);
    }
    printf("listening on %u\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static int accept_client(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC); }

static void refuse(int fd)
{
    static const char reply[] = "530 login incorrect\r\n";

    send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
}

/* Returns 0 when the client has ended the connection too. */
static int serve(int fd)
{
    char request[512];
    ssize_t n = recv(fd, request, sizeof request, 0);

    if (n > 0)
        refuse(fd);
    return n > 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: server PORT\n");
        return 2;
    }
    /* Without SA_RESTART: poll ends with EINTR. */
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    static struct pollfd polled[1 + MAX_CLIENTS];
    nfds_t n = 1;
    polled[0] = (struct pollfd){.fd = listen_on((unsigned)atoi(argv[1])), .events = POLLIN};

    while (!stop && (poll(polled, n, 1000) >= 0 || errno == EINTR)) {
        for (nfds_t i = n - 1; i >= 1; i--) {
            if (polled[i].revents && !serve(polled[i].fd)) {
                close(polled[i].fd);
                polled[i] = polled[--n];
            }
        }
        if ((polled[0].revents & POLLIN) && n <= MAX_CLIENTS) {
            int fd = accept_client(polled[0].fd);
            if (fd >= 0)
                polled[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
    }
    close(polled[0].fd);
    return 0;
}
