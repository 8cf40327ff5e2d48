/* SPDX-License-Identifier: MIT */
/* million: opens and closes a million sockets, a few of them connected; prints how much its memory grew (KiB) between the 10,000th and the last. */
#include "victim.h"

static long resident_kib(void)
{
    long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
        exit(99);
    fclose(f);
    return resident * 4;
}

static void one_connection(int listener)
{
    char c;
    int client = connect_loopback(), server = (int)MUST(accept(listener, NULL, NULL));
    MUST(shutdown(client, SHUT_WR));
    MUST(recv(server, &c, 1, 0));
    MUST(close(server));
    MUST(close(client));
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1000000, before = 0;
    int listener = listen_loopback();
    for (long i = 1; i <= rounds; i++) {
        if (i % 100 == 0)
            one_connection(listener);
        else
            MUST(close((int)MUST(socket(AF_INET, SOCK_STREAM, 0))));
        if (i == 10000)
            before = resident_kib();
    }
    printf("grew %ld KiB\n", resident_kib() - before);
    return 0;
}
