/* SPDX-License-Identifier: MIT */
/*
 * names_leak.c: a connection that its peer has closed and that this program keeps, opened when the file GO appears; then another, opened by
 * a library where there is one. Ends when the file GO is gone again.
 *
 * Use: names_leak GO. Built by tests/e2e/73-names.bats too, with holes, and with another function's name.
 */
#include "victim.h"
#ifndef OPENER
#define OPENER open_and_keep
#endif
#ifdef LIBRARY
int library_open(struct sockaddr_in *to);
#endif

static __attribute__((noinline)) int OPENER(int listener)
{
    char byte;
    int fd = connect_loopback();
    close((int)MUST(accept(listener, NULL, NULL)));
    return recv(fd, &byte, 1, 0) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
    const char *go = argc > 1 ? argv[1] : "/";
    say("ready");
    while (access(go, F_OK) != 0)
        usleep(20000);
    int listener = listen_loopback(), fd = OPENER(listener), other = 0;
#ifdef LIBRARY
    other = library_open(&victim_address);
    close((int)MUST(accept(listener, NULL, NULL)));
#endif
    say("open");
    while (argc > 1 && access(go, F_OK) == 0)
        usleep(20000);
    return fd < 0 || other < 0;
}
