/* SPDX-License-Identifier: MIT */
/*
 * fuzz_procfs.c: arbitrary bytes as a file of /proc: any process can choose its own name, and what
 * follows in the line must hold.
 *
 * The first byte chooses the parser; the rest is copied to a block of just its length.
 */
#include <stdlib.h>

#include "../../lib/cli/kernel/procfs_parse.c"

#include "../../lib/core/watched.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An epoll's fdinfo, of which two inodes are asked for. */
static void take_epoll(const char *text, size_t n)
{
    struct finding f[2] = {{.fd = 7, .descriptors = 1}, {.fd = 12, .descriptors = 2}};
    struct watched_socket sockets[2] = {{0xca4a9c1, &f[1]}, {7, &f[0]}};
    struct watched w;
    watched_begin(&w, sockets, 2);
    size_t used = watched_take(&w, 5, text, n);
    if (used > n || memchr(text + used, '\n', n - used))
        __builtin_trap();
    watched_end(&w, true);
    for (unsigned i = 0; i < 2; i++)
        if ((f[i].watch == WATCH_EPOLL) != (f[i].n_watches > 0))
            __builtin_trap();
}

/* The call that a thread is in. */
static void take_call(const char *text, size_t n)
{
    struct watched w = {.n = 0};
    watched_thread(&w, text, n);
    if (w.n_busy > 1 || (w.n_busy && w.others))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct procfs_stat st;
    struct sockdiag_socket s;
    uint64_t number;
    uint32_t user;
    uint16_t low, high;
    if (size < 1 || size > 65536)
        return 0;
    size_t n = size - 1;
    char *text = malloc(n ? n : 1);
    if (!text)
        return 0;
    memcpy(text, data + 1, n);
    switch (data[0] % 8) {
    case 0:
        if (procfs_parse_stat(text, n, &st))
            for (const char *p = st.comm; *p; p++)
                if ((unsigned char)*p < 0x20)
                    __builtin_trap(); /* it would reach the terminal */
        break;
    case 1:
        procfs_parse_link(text, n, "socket", &number);
        break;
    case 2:
        procfs_parse_nofile(text, n, &number);
        procfs_parse_user(text, n, &user);
        break;
    case 3:
        if (procfs_parse_port_range(text, n, &low, &high) && low > high)
            __builtin_trap();
        break;
    case 4:
        procfs_parse_tcp_line(text, n, AF_INET, &s);
        break;
    case 5:
        procfs_parse_tcp_line(text, n, AF_INET6, &s);
        break;
    case 6:
        take_epoll(text, n);
        break;
    default:
        take_call(text, n);
        break;
    }
    free(text);
    return 0;
}
