/* SPDX-License-Identifier: MIT */
/*
 * fuzz_netlink.c: arbitrary bytes as the kernel's answer about a socket. Links with -lmnl.
 *
 * The first byte chooses the family; the rest is one message, header included, copied to a block of
 * just its length, so that a read beyond it is seen. What was parsed is printed, as the command
 * would, so that every field is used.
 */
#include "../../lib/cli/kernel/sockdiag.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sockdiag_socket s;
    char path[SOCKDIAG_PATH], text[SOCKDIAG_ADDRESS];
    if (size < 1 + NLMSG_HDRLEN || size > 65536)
        return 0;
    size_t n = size - 1;
    struct nlmsghdr *h = malloc(n);
    if (!h)
        return 0;
    memcpy(h, data + 1, n);
    h->nlmsg_len = (uint32_t)n; /* libmnl checks it against what was received before a parser runs */
    bool ok = data[0] & 1 ? sockdiag_parse_unix(h, &s, path) : sockdiag_parse_inet(h, &s);
    if (ok && s.family != AF_UNIX && strlen(sockdiag_address(text, s.family, s.peer, s.peer_port)) < 2)
        __builtin_trap();
    if (ok && strlen(s.path) >= SOCKDIAG_PATH)
        __builtin_trap();
    free(h);
    return 0;
}
