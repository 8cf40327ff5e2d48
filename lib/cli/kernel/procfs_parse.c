/* SPDX-License-Identifier: MIT */
/*
 * procfs_parse.c: what the texts of /proc say.
 *
 * Called by procfs.c and collect.c over what they have read.
 */
#include "procfs_parse.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../../core/cursor.h"
#include "../../core/state.h"
#include "sockdiag.h"

bool procfs_parse_stat(const char *text, size_t len, struct procfs_stat *out)
{
    memset(out, 0, sizeof *out);
    const char *open = memchr(text, '(', len);
    const char *close = memrchr(text, ')', len); /* the name itself may hold any bracket */
    if (!open || !close || close < open)
        return false;
    size_t n = (size_t)(close - open - 1);
    if (n >= sizeof out->comm)
        n = sizeof out->comm - 1;
    state_string(out->comm, sizeof out->comm, open + 1, n);
    struct cursor c = {close + 1, text + len};
    uint64_t number;
    cursor_skip_blanks(&c);
    if (c.p >= c.end)
        return false;
    out->state = *c.p++;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &number))
        return false;
    out->ppid = (pid_t)number;
    for (int field = 5; field <= 8; field++) /* pgrp session tty_nr tpgid: the last may be -1 */
        if (!cursor_skip_word(&c))
            return false;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &number))
        return false;
    out->kernel_thread = number & 0x00200000; /* PF_KTHREAD, <linux/sched.h> */
    out->ending = number & 0x00000004;        /* PF_EXITING */
    for (int field = 10; field <= 21; field++)
        if (!cursor_skip_word(&c))
            return false;
    cursor_skip_blanks(&c);
    return cursor_take_number(&c, 10, &out->start_ticks);
}

bool procfs_parse_link(const char *text, size_t len, const char *prefix, uint64_t *inode)
{
    size_t n = strlen(prefix);
    if (len < n || memcmp(text, prefix, n) != 0)
        return false;
    struct cursor c = {text + n, text + len};
    return cursor_take_char(&c, ':') && cursor_take_char(&c, '[') && cursor_take_number(&c, 10, inode) && cursor_take_char(&c, ']') &&
           c.p == c.end;
}

bool procfs_parse_nofile(const char *text, size_t len, uint64_t *soft)
{
    static const char name[] = "Max open files";
    const char *p = memmem(text, len, name, sizeof name - 1);
    if (!p)
        return false;
    struct cursor c = {p + sizeof name - 1, text + len};
    cursor_skip_blanks(&c);
    if (c.end - c.p >= 9 && memcmp(c.p, "unlimited", 9) == 0) {
        *soft = UINT64_MAX;
        return true;
    }
    return cursor_take_number(&c, 10, soft);
}

bool procfs_parse_user(const char *text, size_t len, uint32_t *uid)
{
    static const char name[] = "\nUid:"; /* a program's name has no newline here */
    const char *p = memmem(text, len, name, sizeof name - 1);
    if (!p)
        return false;
    struct cursor c = {p + sizeof name - 1, text + len};
    uint64_t real, effective;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &real))
        return false;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &effective) || effective > UINT32_MAX)
        return false;
    *uid = (uint32_t)effective;
    return true;
}

bool procfs_parse_port_range(const char *text, size_t len, uint16_t *low, uint16_t *high)
{
    struct cursor c = {text, text + len};
    uint64_t a, b;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &a))
        return false;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &b) || a > b || b > 65535)
        return false;
    *low = (uint16_t)a;
    *high = (uint16_t)b;
    return true;
}

/*
 * "0100007F:0050": each group of 8 digits is one 32-bit word of the address as it lies in memory.
 */
static bool take_address(struct cursor *c, int family, unsigned char address[16], uint16_t *port)
{
    unsigned words = family == AF_INET6 ? 4 : 1;
    cursor_skip_blanks(c);
    for (unsigned w = 0; w < words; w++) {
        if (c->end - c->p < 8)
            return false;
        struct cursor group = {c->p, c->p + 8};
        uint64_t n;
        if (!cursor_take_number(&group, 16, &n) || group.p != group.end)
            return false;
        uint32_t word = (uint32_t)n;
        memcpy(address + 4 * w, &word, 4);
        c->p += 8;
    }
    uint64_t n;
    if (!cursor_take_char(c, ':') || !cursor_take_number(c, 16, &n) || n > 65535)
        return false;
    *port = (uint16_t)n;
    return true;
}

bool procfs_parse_tcp_line(const char *line, size_t len, int family, struct sockdiag_socket *out)
{
    struct cursor c = {line, line + len};
    uint64_t n;
    memset(out, 0, sizeof *out);
    out->family = (uint8_t)family;
    out->type = SOCK_STREAM;
    out->path = "";
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &n) || !cursor_take_char(&c, ':'))
        return false;
    if (!take_address(&c, family, out->local, &out->local_port) || !take_address(&c, family, out->peer, &out->peer_port))
        return false;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 16, &n) || n > 255)
        return false;
    out->state = (uint8_t)n;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 16, &n) || !cursor_take_char(&c, ':') || !cursor_take_number(&c, 16, &n))
        return false;
    out->unread = (uint32_t)n;
    for (int field = 0; field < 2; field++) /* timer, retransmits */
        if (!cursor_skip_word(&c))
            return false;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &n))
        return false;
    out->uid = (uint32_t)n;
    if (!cursor_skip_word(&c)) /* timeout */
        return false;
    cursor_skip_blanks(&c);
    if (!cursor_take_number(&c, 10, &n) || n > UINT32_MAX)
        return false;
    out->inode = (uint32_t)n;
    sockdiag_take_fin(out);
    return true;
}
