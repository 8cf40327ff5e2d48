/* SPDX-License-Identifier: MIT */
/*
 * fate.c: what became of a TCP socket that the kernel has taken out of its tables.
 *
 * Called by scan and by the model of a live process. Whether such a socket was ever connected only
 * TCP_INFO says. Where pidfd_getfd(2) is permitted the descriptor is duplicated for one getsockopt
 * and closed at once. While the duplicate lives, a close in the target would not end the
 * connection; a socket in state CLOSE has none. That is why only sockets that no table lists are
 * ever duplicated.
 */
#include "fate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../arch/numbers.h"

/* The family of a TCP socket by the name of its protocol; 0: it is something else. */
uint8_t fate_family(const char *protocol)
{
    if (strcmp(protocol, "TCP") == 0 || strcmp(protocol, "MPTCP") == 0)
        return AF_INET;
    if (strcmp(protocol, "TCPv6") == 0 || strcmp(protocol, "MPTCPv6") == 0)
        return AF_INET6;
    return 0;
}

/*
 * bytes_acked counts the peer's answer to our SYN; an accepted connection has measured a round trip
 * or received something.
 */
static enum fate fate_of_own(int fd)
{
    struct {
        struct tcp_info base;
        unsigned char rest[256];
    } info;
    socklen_t len = sizeof info;
    uint64_t acked = 0, received = 0;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return FATE_DEAD_OR_NEVER;
    if (info.base.tcpi_state != TCP_CLOSE)
        return FATE_NONE;
    /*
     * Linux 4.1's additions, which glibc's struct ends before: <linux/tcp.h> has them at 120 and
     * 128.
     */
    if (len >= 136) {
        memcpy(&acked, (unsigned char *)&info + 120, sizeof acked);
        memcpy(&received, (unsigned char *)&info + 128, sizeof received);
    }
    return acked || received || info.base.tcpi_rtt ? FATE_DEAD : FATE_NEVER;
}

int fate_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

void fate_close(int process)
{
    if (process >= 0)
        close(process);
}

enum fate fate_of(int process, int fd)
{
    if (process < 0)
        return FATE_DEAD_OR_NEVER;
    int copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    if (copy < 0)
        return FATE_DEAD_OR_NEVER;
    enum fate fate = fate_of_own(copy);
    close(copy);
    return fate;
}

int fate_has_named_peer(int process, int fd)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int copy = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    if (copy < 0)
        return -1;
    int r = getpeername(copy, (struct sockaddr *)&name, &len);
    close(copy);
    return r != 0 ? -1 : len > sizeof(sa_family_t);
}
