/* SPDX-License-Identifier: MIT */
/*
 * forecast.c: when descriptors or ephemeral ports run out at the rate at which a group grows.
 *
 * Called when a report is made. The kernel gives out the lowest free descriptor, so the highest one
 * of the group tells how many are in use.
 */
#include "forecast.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "../../core/group.h"
#include "../../core/growth.h"
#include "../base/sys.h"
#include "../table/header.h"

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

void forecast(struct group *g)
{
    uint64_t used = 0, limit = table_nofile_limit();
    for (size_t i = 0; i < g->n_findings; i++)
        if ((uint64_t)g->findings[i].fd + 1 > used)
            used = (uint64_t)g->findings[i].fd + 1;
    if (limit) {
        g->fd_limit = limit;
        g->fd_limit_in_s = growth_runs_out_s(used, limit, g->rate_milli);
    }
    if (group_ports_peer(g)) /* else the number of ports is not needed */
        group_forecast_ports(g, ephemeral_ports());
}
