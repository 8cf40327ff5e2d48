/* SPDX-License-Identifier: MIT */
/*
 * fuzz_procfs.c: arbitrary bytes as a file of /proc: any process can choose its own name, and what
 * follows in the line must hold.
 *
 * The first byte chooses the parser; the rest is copied to a block of just its length.
 */
#include "../../lib/cli/kernel/procfs.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    switch (data[0] % 6) {
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
    default:
        procfs_parse_tcp_line(text, n, AF_INET6, &s);
        break;
    }
    free(text);
    return 0;
}
