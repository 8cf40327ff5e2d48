/* SPDX-License-Identifier: MIT */
/*
 * load_kernel.c: a live process that has no state file, as the kernel alone knows it.
 *
 * Called by load_process.c. Writes the sockets into a state file in memory, so that everything that
 * reads such files takes it like any other; model/confirm.c then judges them by the kernel's
 * tables.
 */
#include "load_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/now.h"
#include "../kernel/fate.h"
#include "../kernel/procfs.h"

struct image {
    int file;
    pid_t pid;
    uint32_t n_extents;
    uint32_t first[STATE_MAX_EXTENTS / 64]; /* of each extent: its first descriptor / 64 */
    size_t n;
    uint64_t now;
    bool failed;
};

static void put(struct image *im, const void *what, size_t size, uint64_t at)
{
    if (pwrite(im->file, what, size, (off_t)at) != (ssize_t)size)
        im->failed = true;
}

static uint32_t extent_of(struct image *im, int fd)
{
    uint32_t e = 0, first = (uint32_t)fd / STATE_SLOTS_PER_EXTENT;
    while (e < im->n_extents && im->first[e] != first)
        e++;
    if (e == im->n_extents && e < sizeof im->first / sizeof im->first[0]) {
        uint32_t word = (uint32_t)EXTENT_SLOTS << 28 | first;
        im->first[im->n_extents++] = first;
        put(im, &word, sizeof word, STATE_TABLE_OFFSET + e * 4u);
    }
    return e;
}

/* By the name of a protocol that is not TCP. */
static uint8_t type_of(const char *protocol)
{
    static const char *const datagrams[] = {"UDP", "UDPv6", "UDP-Lite", "UDPLITEv6", "NETLINK", "PACKET", "RAW", "RAWv6", "PING", "PINGv6"};
    for (size_t i = 0; i < sizeof datagrams / sizeof datagrams[0]; i++)
        if (strcmp(protocol, datagrams[i]) == 0)
            return SOCK_DGRAM;
    return strcmp(protocol, "UNIX-STREAM") == 0 ? SOCK_STREAM : 0;
}

unsigned load_kernel_type(pid_t pid, int fd, uint8_t *family)
{
    char protocol[64];
    if (procfs_protocol(pid, fd, protocol, sizeof protocol) != 0)
        protocol[0] = 0;
    *family = strncmp(protocol, "UNIX", 4) == 0 ? AF_UNIX : fate_family(protocol);
    return fate_family(protocol) ? SOCK_STREAM : type_of(protocol);
}

static void put_socket(void *arg, int fd, uint32_t inode)
{
    struct image *im = arg;
    (void)inode;
    if (fd <= 2) /* whose these are is not known */
        return;
    uint32_t e = extent_of(im, fd);
    if (e >= im->n_extents)
        return;
    uint8_t family, type = (uint8_t)load_kernel_type(im->pid, fd, &family);
    struct state_slot s = {.word = SLOT_WORD(1, SLOT_LIVE),
                           .opened_ns = im->now,
                           .family = family,
                           .type_origin = (uint8_t)(type | ORIGIN_UNSEEN << 4),
                           .flags = SLOT_ADOPTED};
    put(im, &s, sizeof s, STATE_BODY_OFFSET + (uint64_t)e * STATE_EXTENT_SIZE + (unsigned)fd % STATE_SLOTS_PER_EXTENT * sizeof s);
    im->n++;
}

static void put_header(struct image *im, uint64_t start)
{
    struct state_header h = {.version = STATE_VERSION,
                             .byte_order = STATE_BYTE_ORDER,
                             .header_size = sizeof h,
                             .slot_size = sizeof(struct state_slot),
                             .pid = (uint32_t)im->pid,
                             .word_bits = 64,
                             .start_ticks = start,
                             .opened_mono_ns = im->now,
                             .opened_real_ns = now_real_ns(),
                             .n_extents = im->n_extents,
                             .enabled = 1,
                             .kinds = KINDS_DEFAULT};
    char path[32];
    struct stat st;
    memcpy(h.magic, STATE_MAGIC, sizeof h.magic);
    snprintf(path, sizeof path, "/proc/%d/exe", (int)procfs_alive(im->pid));
    if (stat(path, &st) == 0) {
        h.exe_dev = st.st_dev;
        h.exe_ino = st.st_ino;
    }
    if (readlink(path, h.exe, sizeof h.exe - 1) < 0)
        h.exe[0] = 0;
    gethostname(h.host, sizeof h.host - 1);
    put(im, &h, sizeof h, 0);
}

const char *load_kernel(struct loaded_file *l, pid_t pid, size_t *n)
{
    static struct image im;
    char state, path[32];
    uint64_t start;
    *n = 0;
    im = (struct image){.file = memfd_create("sockleak", MFD_CLOEXEC), .pid = pid, .now = now_mono_ns()};
    if (im.file < 0)
        return strerror(errno);
    int error = load_stat(pid, &start, &state) ? procfs_each_socket(pid, put_socket, &im, NULL) : -ESRCH;
    const char *why = error ? strerror(-error) : NULL;
    if (!why && im.n) {
        put_header(&im, start);
        if (im.failed || ftruncate(im.file, (off_t)(STATE_BODY_OFFSET + (uint64_t)im.n_extents * STATE_EXTENT_SIZE)) != 0)
            why = strerror(errno);
        snprintf(path, sizeof path, "/proc/self/fd/%d", im.file);
        if (!why)
            why = load_file(l, path);
        if (!why) {
            l->by_kernel = true;
            *n = im.n;
        }
    }
    close(im.file);
    return why;
}
