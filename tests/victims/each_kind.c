/* SPDX-License-Identifier: MIT */
/* each_kind KIND: leaves one socket behind in the named condition, at exit. */
#include "victim.h"

static int listener;

static int pair(int *server)
{
    int client = connect_loopback();
    *server = (int)MUST(accept(listener, NULL, NULL));
    return client;
}

static void reset(int fd)
{
    struct linger now = {1, 0};
    MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));
    MUST(close(fd));
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    int server, sv[2];
    char c;
    listener = listen_loopback();
    if (!strcmp(kind, "close_wait_read")) {
        pair(&server);
        MUST(shutdown(4, SHUT_WR)); /* the client's descriptor: the server side stays in CLOSE_WAIT */
        MUST(recv(server, &c, 1, 0));
        MUST(close(4));
    } else if (!strcmp(kind, "close_wait_unread")) {
        int client = pair(&server);
        MUST(send(client, "12345", 5, 0));
        MUST(close(client));
    } else if (!strcmp(kind, "fin_wait_2")) {
        int client = pair(&server);
        MUST(shutdown(client, SHUT_WR));
        MUST(recv(server, &c, 1, 0));
        MUST(dup2(server, 700)); /* held, so that the client waits for its FIN */
        MUST(close(server));
    } else if (!strcmp(kind, "finished")) {
        int client = pair(&server);
        MUST(shutdown(client, SHUT_WR));
        MUST(recv(server, &c, 1, 0));
        MUST(close(server));
        MUST(recv(client, &c, 1, 0));
    } else if (!strcmp(kind, "reset")) {
        int client = pair(&server);
        reset(server);
        if (recv(client, &c, 1, 0) != -1 || errno != ECONNRESET)
            return 98;
    } else if (!strcmp(kind, "reset_unread")) {
        pair(&server);
        reset(server);
    } else if (!strcmp(kind, "refused")) {
        MUST(close(listener));
        listener = -1;
        int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
        if (connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address) != -1 || errno != ECONNREFUSED)
            return 98;
    } else if (!strcmp(kind, "never")) {
        struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}; /* without it, it could be a reserve */
        MUST(bind((int)MUST(socket(AF_INET6, SOCK_STREAM, 0)), (struct sockaddr *)&at, sizeof at));
    } else if (!strcmp(kind, "hangup")) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
        MUST(close(sv[1]));
    } else if (!strcmp(kind, "datagram")) {
        MUST(socket(AF_INET, SOCK_DGRAM, 0));
    } else if (!strcmp(kind, "open")) {
        pair(&server);
    } else {
        fprintf(stderr, "each_kind: no kind %s\n", kind);
        return 97;
    }
    if (listener >= 0)
        MUST(close(listener));
    return 0;
}
