/* SPDX-License-Identifier: MIT */
/*
 * forecast.c: when descriptors or ephemeral ports run out at the rate at which a group grows.
 *
 * With the watch lock held. What counts is descriptors: files, and copies by dup, take them away as
 * sockets do.
 */
#include "forecast.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "../../core/group.h"
#include "../../core/growth.h"
#include "../base/clock.h"
#include "../base/descriptors.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../table/header.h"

#define MAX_COUNTED 65536
#define BEYOND 1024 /* so far above the last socket there may be more files */

void forecast_refresh(void)
{
    struct rlimit64 r;
    if (SYS4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &r) >= 0)
        table_set_nofile_limit(r.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)r.rlim_cur);
}

static uint64_t ephemeral_ports(void)
{
    uint64_t known = table_port_range();
    if (!known) {
        char buf[64];
        long fd = sys_openat(AT_FDCWD, "/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC, 0);
        long n = fd >= 0 ? sys_read((int)fd, buf, sizeof buf - 1) : 0;
        uint64_t bound[2] = {0, 0};
        if (fd >= 0)
            sys_close((int)fd);
        for (long i = 0, which = 0; i < n && which < 2; i++) {
            if (buf[i] >= '0' && buf[i] <= '9')
                bound[which] = bound[which] * 10 + (uint64_t)(buf[i] - '0');
            else if (i && buf[i - 1] >= '0' && buf[i - 1] <= '9')
                which++;
        }
        known = bound[1] > bound[0] ? bound[0] << 16 | bound[1] : 0;
        table_set_port_range(known);
    }
    return known ? (known & 0xffff) - (known >> 16) + 1 : 0;
}

static bool count_one(void *n, unsigned fd)
{
    (void)fd;
    ++*(uint64_t *)n;
    return true;
}

/*
 * Asks of each number whether it is open (F_GETFD looks at nothing but the table of descriptors).
 * Far above the last socket, and beyond 65536, nothing is asked: there the highest socket's number
 * is the answer, for the kernel gives out the lowest that is free. A thread with a descriptor table
 * of its own lists the program's. Kept for a second: a report may have many groups.
 */
uint64_t forecast_descriptors(uint64_t limit)
{
    static uint64_t known, known_ns;
    int highest = -1;
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1))
        highest = fd;
    if (highest >= MAX_COUNTED || sys_in_sandbox())
        return (uint64_t)highest + 1;
    if (known_ns && clock_now() - known_ns < NS_PER_S)
        return known;
    uint64_t end = (uint64_t)highest + 1 + BEYOND;
    known = 0;
    if (descriptors_are_own())
        proc_each_descriptor(0, count_one, &known);
    else
        for (uint64_t fd = 0; fd < end && fd < limit; fd++)
            known += SYS2(SYS_fcntl, fd, F_GETFD) >= 0;
    known_ns = clock_now();
    return known;
}

void forecast(struct group *g)
{
    uint64_t limit = table_nofile_limit();
    if (limit)
        group_forecast_descriptors(g, forecast_descriptors(limit), limit);
    if (group_ports_peer(g)) /* else nobody asks how many there are */
        group_forecast_ports(g, ephemeral_ports());
}
