/* SPDX-License-Identifier: MIT */
/*
 * scan_stuck.c: holds so many sockets of each kind, both ends in this one process, and waits to be killed.
 *
 * usage: scan_stuck [KIND N]...   KIND: close_wait read_end close_wait6 fin_wait_2 dead never hangup unaccepted healthy
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in6 where;
static int listener;
static const struct linger reset = {1, 0};

static void listen_at(int family)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof where;
    listener = socket(family, SOCK_STREAM, 0);
    if (bind(listener, family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, family == AF_INET ? sizeof v4 : sizeof v6) != 0)
        exit(77);
    listen(listener, 100);
    getsockname(listener, (struct sockaddr *)&where, &len);
}

static void one(const char *kind)
{
    int pair[2], client, server;
    char byte;
    if (strcmp(kind, "never") == 0) {
        socket(AF_INET, SOCK_STREAM, 0);
        return;
    }
    if (strcmp(kind, "hangup") == 0) {
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        close(pair[0]);
        return;
    }
    client = socket(where.sin6_family, SOCK_STREAM, 0);
    if (connect(client, (struct sockaddr *)&where, sizeof where) != 0)
        exit(1);
    if (strcmp(kind, "unaccepted") == 0) {
        close(client);
        return;
    }
    server = accept(listener, NULL, NULL);
    if (strncmp(kind, "close_wait", 10) == 0) {
        send(server, "hello", 5, 0);
        close(server);
    } else if (strcmp(kind, "read_end") == 0) {
        close(server);
        recv(client, &byte, 1, 0);
    } else if (strcmp(kind, "fin_wait_2") == 0) {
        shutdown(client, SHUT_WR);
        recv(server, &byte, 1, 0);
    } else if (strcmp(kind, "dead") == 0) {
        setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(server);
        recv(client, &byte, 1, 0);
    }
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 1; i + 1 < argc; i += 2) {
        listen_at(strchr(argv[i], '6') ? AF_INET6 : AF_INET);
        for (int n = atoi(argv[i + 1]); n > 0; n--)
            one(argv[i]);
    }
    printf("listening on %d\n", ntohs(where.sin6_port));
    fflush(stdout);
    pause();
}
