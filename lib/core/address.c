/* SPDX-License-Identifier: MIT */
/*
 * address.c: socket addresses: as text, and whether one was bound.
 */
#include "address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* before 5.11 it needs sys/socket.h first */
#include <linux/vm_sockets.h>

#include "out.h"
#include "utf8.h"

static void put_ipv4(struct out *o, const unsigned char a[4])
{
    for (int i = 0; i < 4; i++) {
        if (i)
            out_char(o, '.');
        out_u64(o, a[i]);
    }
}

/* RFC 5952: the longest run of two or more zero groups becomes "::". */
static void put_ipv6(struct out *o, const unsigned char a[16])
{
    unsigned group[8];
    int best = -1, best_len = 1;
    for (int i = 0; i < 8; i++)
        group[i] = (unsigned)a[2 * i] << 8 | a[2 * i + 1];
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && !group[i + n])
            n++;
        if (n > best_len) {
            best = i;
            best_len = n;
        }
        i += n;
    }
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (!memcmp(a, mapped, sizeof mapped)) {
        out_str(o, "::ffff:");
        put_ipv4(o, a + 12);
        return;
    }
    for (int i = 0; i < 8;) {
        if (i == best) {
            out_str(o, "::");
            i += best_len;
            continue;
        }
        if (i && i != best + best_len)
            out_char(o, ':');
        out_hex(o, group[i++], 1);
    }
}

static void put_unix(struct out *o, const struct sockaddr_un *u, unsigned len)
{
    size_t n = len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path) : 0;
    if (n > sizeof u->sun_path)
        n = sizeof u->sun_path;
    if (!n)
        return;
    bool abstract = !u->sun_path[0];
    if (!abstract)
        n = strnlen(u->sun_path, n);
    /* valid UTF-8 as it is, each NUL of an abstract name as ss(8) shows it, the rest as \xNN */
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)u->sun_path[i];
        unsigned seq = utf8_printable(u->sun_path + i, n - i), room = c && !seq ? 4 : seq ? seq : 1;
        if (o->cap - o->len < room)
            break;
        if (!c) {
            out_char(o, '@');
        } else if (!seq) {
            out_str(o, "\\x");
            out_hex(o, c, 2);
        } else {
            for (unsigned k = 0; k < seq; k++)
                out_char(o, u->sun_path[i + k]);
        }
        i += c && seq ? seq : 1;
    }
}

static void put_vsock(struct out *o, const struct sockaddr_vm *vm)
{
    switch (vm->svm_cid) {
    case VMADDR_CID_ANY:
        out_str(o, "VMADDR_CID_ANY:");
        break;
    case 1: /* VMADDR_CID_LOCAL, which older headers do not have */
        out_str(o, "VMADDR_CID_LOCAL:");
        break;
    case VMADDR_CID_HOST:
        out_str(o, "VMADDR_CID_HOST:");
        break;
    default:
        out_fmt(o, "%u:", vm->svm_cid);
    }
    if (vm->svm_port == VMADDR_PORT_ANY)
        out_str(o, "VMADDR_PORT_ANY");
    else
        out_u64(o, vm->svm_port);
}

void address_text(char out[96], const void *sockaddr, unsigned len)
{
    struct out o = {.buf = out, .cap = 95};
    const struct sockaddr *sa = sockaddr;
    if (len >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = sockaddr;
        put_ipv4(&o, (const unsigned char *)&in->sin_addr);
        out_fmt(&o, ":%u", ntohs(in->sin_port));
    } else if (len >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = sockaddr;
        out_char(&o, '[');
        put_ipv6(&o, in6->sin6_addr.s6_addr);
        out_fmt(&o, "]:%u", ntohs(in6->sin6_port));
    } else if (len >= sizeof(sa_family_t) && sa->sa_family == AF_UNIX) {
        put_unix(&o, sockaddr, len);
    } else if (len >= sizeof(struct sockaddr_vm) && sa->sa_family == AF_VSOCK) {
        const struct sockaddr_vm *vm = sockaddr;
        put_vsock(&o, vm);
    }
    out[o.len] = 0;
}

bool address_is_bound(const void *sockaddr, unsigned len)
{
    const struct sockaddr *a = sockaddr;
    switch (a->sa_family) {
    case AF_INET:
        return ((const struct sockaddr_in *)sockaddr)->sin_port != 0;
    case AF_INET6:
        return ((const struct sockaddr_in6 *)sockaddr)->sin6_port != 0;
    case AF_UNIX:
        return len > offsetof(struct sockaddr_un, sun_path);
    case AF_VSOCK:
        return ((const struct sockaddr_vm *)sockaddr)->svm_port != VMADDR_PORT_ANY;
    default:
        return false;
    }
}
