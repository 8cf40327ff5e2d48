/* SPDX-License-Identifier: MIT */
/* million: opens and closes a million sockets, a few of them connected; prints how much the memory that it writes to grew (KiB) between the 10,000th and the last. */
#include "victim.h"

/* Of what can be written to: code comes into memory piece by piece, when it is first run, and is everybody's. */
static long resident_kib(void)
{
    char line[4096], may[5];
    long sum = 0, kib;
    int counts = 0;
    FILE *f = fopen("/proc/self/smaps", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%*x-%*x %4s", may) == 1)
            counts = may[1] == 'w';
        else if (counts && sscanf(line, "Rss: %ld kB", &kib) == 1)
            sum += kib;
    }
    if (!f || !sum)
        exit(99);
    fclose(f);
    return sum;
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
