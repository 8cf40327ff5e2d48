/* SPDX-License-Identifier: MIT */
/*
 * receive CALL ROUNDS: nanoseconds for one send of a byte and one CALL (recv or read) that returns
 * it, over a Unix pair; "file": a read of a byte of a file in the page cache, "zero": of /dev/zero,
 * each in a process that has received something.
 */
#include <fcntl.h>
#include <string.h>

#include "bench.h"

/* A file of so many bytes, without a name, just written: all of it is in the page cache. */
static int cached_file(int size)
{
    static const char block[4096];
    FILE *f = tmpfile();
    if (!f) {
        perror("tmpfile");
        _exit(99);
    }
    for (int left = size; left > 0; left -= (int)sizeof block)
        MUST(write(fileno(f), block, left < (int)sizeof block ? (size_t)left : sizeof block));
    MUST(lseek(fileno(f), 0, SEEK_SET));
    return fileno(f);
}

int main(int argc, char **argv)
{
    const char *call = argc > 1 ? argv[1] : "recv";
    int rounds = argc > 2 ? atoi(argv[2]) : 200000, pair[2];
    int from = strcmp(call, "file") ? (int)MUST(open("/dev/zero", O_RDONLY)) : cached_file(rounds);
    char c = 0;
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    MUST(send(pair[0], &c, 1, 0));
    MUST(recv(pair[1], &c, 1, 0));
    double begin = bench_now();
    if (!strcmp(call, "recv"))
        for (int i = 0; i < rounds; i++) {
            MUST(send(pair[0], &c, 1, 0));
            MUST(recv(pair[1], &c, 1, 0));
        }
    else if (!strcmp(call, "read"))
        for (int i = 0; i < rounds; i++) {
            MUST(write(pair[0], &c, 1));
            MUST(read(pair[1], &c, 1));
        }
    else
        for (int i = 0; i < rounds; i++)
            MUST(read(from, &c, 1));
    printf("%.3f\n", (bench_now() - begin) / rounds * 1e9);
    close(from);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
