/* SPDX-License-Identifier: MIT */
/* first: microseconds that the first socket(2) of a process takes. With the library it makes the table and starts the watcher. */
#include "bench.h"

int main(void)
{
    double begin = bench_now();
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    printf("%.3f\n", (bench_now() - begin) * 1e6);
    close(fd);
    return 0;
}
