/* SPDX-License-Identifier: MIT */
/*
 * scan_top.c: leaks twelve connections at one line, then one more every tenth of a second at another, and never ends.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in where = {.sin_family = AF_INET};
static int listener;

static void leak(int client)
{
    if (client < 0 || connect(client, (struct sockaddr *)&where, sizeof where) != 0)
        exit(1);
    close(accept(listener, NULL, NULL));
}

static void login_once(void) { leak(socket(AF_INET, SOCK_STREAM, 0)); }

static void poll_status(void) { leak(socket(AF_INET, SOCK_STREAM, 0)); }

int main(void)
{
    socklen_t len = sizeof where;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&where, sizeof where);
    listen(listener, 10);
    getsockname(listener, (struct sockaddr *)&where, &len);
    for (int i = 0; i < 12; i++)
        login_once();
    printf("listening on %d\n", ntohs(where.sin_port));
    fflush(stdout);
    for (;;) {
        usleep(100000);
        poll_status();
    }
}
