/* SPDX-License-Identifier: MIT */
/* more_forks: holds some connections and forks N times; says by how much the process grew after the first few. */
#include <sys/wait.h>

#include "victim.h"

static long resident_kib(void)
{
    long kib = 0;
    char line[128];
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 500;
    long before = 0;
    listen_loopback();
    for (int i = 0; i < 100; i++)
        connect_loopback();
    for (int i = 0; i < n; i++) {
        pid_t child = (pid_t)MUST(fork());
        if (!child)
            _exit(0);
        waitpid(child, NULL, 0);
        if (i == n / 10)
            before = resident_kib();
    }
    printf("grew %ld KiB\n", resident_kib() - before);
    return 0;
}
