/* SPDX-License-Identifier: MIT */
/*
 * procfs.c: reads /proc: processes, their limits and descriptors, and the TCP tables of namespaces
 * that cannot be entered.
 *
 * Called by most subcommands. Processes come and go while it reads: every answer may be "gone".
 */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../core/cursor.h"
#include "sockdiag.h"

ssize_t procfs_read(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t len = 0;
    while (len < cap - 1) {
        ssize_t n = read(fd, buf + len, cap - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            ssize_t e = -errno;
            close(fd);
            return e;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    buf[len] = 0;
    return (ssize_t)len;
}

int procfs_stat(pid_t pid, struct procfs_stat *out)
{
    char path[64], buf[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t n = procfs_read(path, buf, sizeof buf);
    if (n < 0)
        return (int)n;
    return procfs_parse_stat(buf, (size_t)n, out) ? 0 : -ESRCH;
}

/* A name of only digits -> its number; -1 for any other entry. */
static int entry_number(const char *name)
{
    struct cursor c = {name, name + strlen(name)};
    uint64_t n;
    return cursor_take_number(&c, 10, &n) && c.p == c.end && n <= INT32_MAX ? (int)n : -1;
}

pid_t procfs_alive(pid_t pid)
{
    char path[64];
    struct procfs_stat st;
    if (procfs_stat(pid, &st) != 0 || st.state != 'Z')
        return pid;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    pid_t found = pid;
    for (const struct dirent *entry; d && found == pid && (entry = readdir(d));) {
        int tid = entry_number(entry->d_name);
        if (tid > 0 && tid != pid && procfs_stat(tid, &st) == 0 && st.state != 'Z' && st.state != 'X')
            found = tid;
    }
    if (d)
        closedir(d);
    return found;
}

uint64_t procfs_netns(pid_t pid)
{
    char path[64], link[64];
    uint64_t inode;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)procfs_alive(pid));
    ssize_t n = readlink(path, link, sizeof link);
    return n > 0 && procfs_parse_link(link, (size_t)n, "net", &inode) ? inode : 0;
}

bool procfs_user(pid_t pid, uint32_t *uid)
{
    char path[64], buf[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    ssize_t n = procfs_read(path, buf, sizeof buf);
    return n > 0 && procfs_parse_user(buf, (size_t)n, uid);
}

uint64_t procfs_nofile(pid_t pid)
{
    char path[64], buf[4096];
    uint64_t soft;
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    ssize_t n = procfs_read(path, buf, sizeof buf);
    return n > 0 && procfs_parse_nofile(buf, (size_t)n, &soft) ? soft : 0;
}

int procfs_each_pid(bool (*each)(void *arg, pid_t pid), void *arg)
{
    DIR *d = opendir("/proc");
    if (!d)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        int pid = entry_number(entry->d_name);
        if (pid > 0 && !each(arg, pid))
            break;
    }
    closedir(d);
    return 0;
}

static bool socket_at(int dir, const char *name, uint32_t *inode)
{
    char link[64];
    uint64_t n;
    ssize_t len = readlinkat(dir, name, link, sizeof link);
    if (len <= 0 || !procfs_parse_link(link, (size_t)len, "socket", &n) || n > UINT32_MAX)
        return false;
    *inode = (uint32_t)n;
    return true;
}

int procfs_each_socket(pid_t pid, void (*each)(void *arg, int fd, uint32_t inode), void *arg, uint64_t *count)
{
    char path[64];
    uint64_t n = 0;
    bool refused = false;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        uint32_t inode;
        int fd = entry_number(entry->d_name);
        if (fd < 0)
            continue;
        n++;
        errno = 0;
        if (socket_at(dirfd(d), entry->d_name, &inode))
            each(arg, fd, inode);
        else /* root without CAP_SYS_PTRACE sees the numbers, and not what they are */
            refused |= errno == EACCES || errno == EPERM;
    }
    closedir(d);
    if (refused)
        return -EACCES;
    pid_t other = n == 0 ? procfs_alive(pid) : pid;
    if (other != pid)
        return procfs_each_socket(other, each, arg, count);
    if (count)
        *count = n;
    return 0;
}

bool procfs_maps_file(pid_t pid, const char *tail)
{
    char path[64], *line = NULL;
    size_t cap = 0, n = strlen(tail);
    ssize_t len;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)procfs_alive(pid));
    FILE *f = fopen(path, "re");
    while (f && !found && (len = getline(&line, &cap, f)) > 0) {
        len -= line[len - 1] == '\n';
        found = (size_t)len > n && memcmp(line + len - n, tail, n) == 0;
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

bool procfs_holds(pid_t pid, int fd, uint32_t inode)
{
    char path[64];
    uint32_t now;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    if (socket_at(AT_FDCWD, path, &now))
        return now == inode;
    pid_t other = procfs_alive(pid);
    return other != pid && procfs_holds(other, fd, inode);
}

int procfs_protocol(pid_t pid, int fd, char *name, size_t cap)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    ssize_t n = getxattr(path, "system.sockprotoname", name, cap - 1);
    int error = errno;
    pid_t other = n < 0 ? procfs_alive(pid) : pid;
    if (other != pid)
        return procfs_protocol(other, fd, name, cap);
    if (n < 0)
        return -error;
    name[n] = 0;
    return 0;
}

static int each_of(pid_t pid, const char *const names[2], void (*each)(void *arg, const struct sockdiag_socket *s), void *arg)
{
    const struct {
        const char *name;
        int family;
    } tables[] = {{names[0], AF_INET}, {names[1], AF_INET6}};
    int error = 0;
    pid = procfs_alive(pid);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char path[64], *line = NULL;
        size_t cap = 0;
        ssize_t len;
        snprintf(path, sizeof path, "/proc/%d/net/%s", (int)pid, tables[i].name);
        FILE *f = fopen(path, "re");
        if (!f) {
            if (tables[i].family == AF_INET)
                error = -errno; /* a kernel without IPv6 has no tcp6 */
            continue;
        }
        while ((len = getline(&line, &cap, f)) > 0) {
            struct sockdiag_socket s;
            if (procfs_parse_tcp_line(line, (size_t)len, tables[i].family, &s))
                each(arg, &s);
        }
        free(line);
        fclose(f);
    }
    return error;
}

int procfs_each_tcp(pid_t pid, void (*each)(void *arg, const struct sockdiag_socket *s), void *arg)
{
    return each_of(pid, (const char *const[]){"tcp", "tcp6"}, each, arg);
}

int procfs_each_udp(pid_t pid, void (*each)(void *arg, const struct sockdiag_socket *s), void *arg)
{
    return each_of(pid, (const char *const[]){"udp", "udp6"}, each, arg);
}
