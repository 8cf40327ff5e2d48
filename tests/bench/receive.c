/* SPDX-License-Identifier: MIT */
/*
 * receive CALL ROUNDS: nanoseconds for one send of a byte and one CALL (recv or read) that returns
 * it, over a Unix pair; "file": a read of /dev/zero, in a process that has received something.
 */
#include <fcntl.h>
#include <string.h>

#include "bench.h"

int main(int argc, char **argv)
{
    const char *call = argc > 1 ? argv[1] : "recv";
    int rounds = argc > 2 ? atoi(argv[2]) : 200000, pair[2], zero = (int)MUST(open("/dev/zero", O_RDONLY));
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
            MUST(read(zero, &c, 1));
    printf("%.3f\n", (bench_now() - begin) / rounds * 1e9);
    close(zero);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
