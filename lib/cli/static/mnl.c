/* SPDX-License-Identifier: MIT */
/*
 * mnl.c: what the command takes of libmnl, for the build that links everything into one file.
 *
 * Linked there where libmnl exists as a shared library alone, as on Debian; libmnl.h declares it and
 * sockdiag.c calls it. Lengths that come from the kernel are checked against what was received.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct mnl_socket {
    int fd;
    struct sockaddr_nl address;
};

/* ---- sockets ------------------------------------------------------------------------------------- */

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
    struct mnl_socket *nl = calloc(1, sizeof *nl);
    if (!nl)
        return NULL;
    nl->fd = socket(AF_NETLINK, SOCK_RAW | flags, bus);
    if (nl->fd >= 0)
        return nl;
    int e = errno;
    free(nl);
    errno = e;
    return NULL;
}

int mnl_socket_close(struct mnl_socket *nl)
{
    int result = close(nl->fd);
    free(nl);
    return result;
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
    socklen_t len = sizeof nl->address;
    nl->address = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = groups, .nl_pid = (uint32_t)pid};
    if (bind(nl->fd, (struct sockaddr *)&nl->address, len) < 0 || getsockname(nl->fd, (struct sockaddr *)&nl->address, &len) < 0)
        return -1;
    if (len == sizeof nl->address && nl->address.nl_family == AF_NETLINK)
        return 0;
    errno = EINVAL;
    return -1;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *nl) { return nl->address.nl_pid; }

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
    static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    return sendto(nl->fd, req, siz, 0, (const struct sockaddr *)&kernel, sizeof kernel);
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t siz)
{
    struct sockaddr_nl from;
    struct iovec room = {buf, siz};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &room, .msg_iovlen = 1};
    ssize_t n = recvmsg(nl->fd, &message, 0);
    if (n < 0)
        return -1;
    if (message.msg_flags & MSG_TRUNC) {
        errno = ENOSPC;
        return -1;
    }
    if (message.msg_namelen != sizeof from) {
        errno = EINVAL;
        return -1;
    }
    return n;
}

/* ---- messages ------------------------------------------------------------------------------------ */

struct nlmsghdr *mnl_nlmsg_put_header(void *buf)
{
    struct nlmsghdr *h = memset(buf, 0, NLMSG_HDRLEN);
    h->nlmsg_len = NLMSG_HDRLEN;
    return h;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *nlh, size_t size)
{
    void *at = (char *)nlh + nlh->nlmsg_len;
    nlh->nlmsg_len += (uint32_t)NLMSG_ALIGN(size);
    return memset(at, 0, NLMSG_ALIGN(size));
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *nlh) { return (char *)(uintptr_t)nlh + NLMSG_HDRLEN; }

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *nlh, size_t offset)
{
    return (char *)mnl_nlmsg_get_payload(nlh) + NLMSG_ALIGN(offset);
}

/* ---- attributes ---------------------------------------------------------------------------------- */

uint16_t mnl_attr_get_type(const struct nlattr *attr) { return attr->nla_type & NLA_TYPE_MASK; }
uint16_t mnl_attr_get_payload_len(const struct nlattr *attr) { return (uint16_t)(attr->nla_len - NLA_HDRLEN); }
void *mnl_attr_get_payload(const struct nlattr *attr) { return (char *)(uintptr_t)attr + NLA_HDRLEN; }
struct nlattr *mnl_attr_next(const struct nlattr *attr) { return (struct nlattr *)((char *)(uintptr_t)attr + NLA_ALIGN(attr->nla_len)); }

bool mnl_attr_ok(const struct nlattr *attr, int len)
{
    return len >= (int)sizeof *attr && attr->nla_len >= sizeof *attr && (int)attr->nla_len <= len;
}

void mnl_attr_put(struct nlmsghdr *nlh, uint16_t type, size_t len, const void *data)
{
    struct nlattr *a = (struct nlattr *)((char *)nlh + NLMSG_ALIGN(nlh->nlmsg_len));
    a->nla_type = type;
    a->nla_len = (uint16_t)(NLA_HDRLEN + len);
    memset((char *)a + a->nla_len, 0, NLA_ALIGN(a->nla_len) - a->nla_len);
    memcpy(mnl_attr_get_payload(a), data, len);
    nlh->nlmsg_len = (uint32_t)(NLMSG_ALIGN(nlh->nlmsg_len) + NLA_ALIGN(a->nla_len));
}

void mnl_attr_put_u8(struct nlmsghdr *nlh, uint16_t type, uint8_t data) { mnl_attr_put(nlh, type, sizeof data, &data); }
void mnl_attr_put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t data) { mnl_attr_put(nlh, type, sizeof data, &data); }

/* ---- answers ------------------------------------------------------------------------------------- */

/* The kernel's word that it could not, or that all is well: an acknowledgement. */
static int take_error(const struct nlmsghdr *h)
{
    struct nlmsgerr e;
    if (h->nlmsg_len < NLMSG_HDRLEN + sizeof e) {
        errno = EBADMSG;
        return MNL_CB_ERROR;
    }
    memcpy(&e, mnl_nlmsg_get_payload(h), sizeof e);
    errno = e.error < 0 ? -e.error : e.error;
    return e.error == 0 ? MNL_CB_STOP : MNL_CB_ERROR;
}

static int take_message(const struct nlmsghdr *h, unsigned int seq, unsigned int portid, mnl_cb_t cb_data, void *data)
{
    if ((h->nlmsg_pid && portid && h->nlmsg_pid != portid) || (h->nlmsg_seq && seq && h->nlmsg_seq != seq)) {
        errno = h->nlmsg_pid && portid && h->nlmsg_pid != portid ? ESRCH : EPROTO;
        return MNL_CB_ERROR;
    }
    if (h->nlmsg_flags & NLM_F_DUMP_INTR) { /* the table changed while it was read */
        errno = EINTR;
        return MNL_CB_ERROR;
    }
    if (h->nlmsg_type >= NLMSG_MIN_TYPE)
        return cb_data ? cb_data(h, data) : MNL_CB_OK;
    if (h->nlmsg_type == NLMSG_ERROR)
        return take_error(h);
    return h->nlmsg_type == NLMSG_DONE ? MNL_CB_STOP : MNL_CB_OK;
}

int mnl_cb_run(const void *buf, size_t numbytes, unsigned int seq, unsigned int portid, mnl_cb_t cb_data, void *data)
{
    const char *at = buf;
    int result = MNL_CB_OK;
    while (numbytes >= sizeof(struct nlmsghdr) && result > MNL_CB_STOP) {
        const struct nlmsghdr *h = (const struct nlmsghdr *)at;
        size_t whole = NLMSG_ALIGN((size_t)h->nlmsg_len);
        if (h->nlmsg_len < sizeof *h || h->nlmsg_len > numbytes)
            break;
        result = take_message(h, seq, portid, cb_data, data);
        numbytes -= whole < numbytes ? whole : numbytes;
        at += whole;
    }
    return result;
}
