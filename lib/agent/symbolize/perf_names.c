/* SPDX-License-Identifier: MIT */
/*
 * perf_names.c: names of code that was made at run time, from this process' perf map.
 *
 * Called while a report is made: by the watcher, at exit, by a check. The newest lines are the last
 * ones, so the file is read from its end, until each address has its name.
 */
#include "perf_names.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../../core/out.h"
#include "../base/clocks.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../table/header.h"

#define PIECE ((size_t)256 << 10)
/*
 * A file is dated by the last tick of the kernel's timer, up to 10 ms ago, and the start of a
 * process is known to 10 ms.
 */
#define ROUNDING_NS 20000000u

static bool is_ours(const struct stat *st)
{
    uint64_t began = clock_real_of(table_start_ticks());
    uint64_t written = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
    return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == (uint32_t)SYS0(SYS_geteuid)) && began &&
           written + ROUNDING_NS >= began;
}

/*
 * Where /proc knows this process by another number, the map of that number may be anybody's: a PID
 * namespace of its own is no file system of its own.
 */
static bool number_is_ours(void)
{
    char self[16] = "", number[16] = "";
    struct out o = {.buf = number, .cap = sizeof number - 1};
    out_u64(&o, table_pid());
    return SYS4(SYS_readlinkat, AT_FDCWD, "/proc/self", self, sizeof self - 1) > 0 && strcmp(self, number) == 0;
}

/* Looks before it opens, so that no pipe notices, and again at what it has opened. */
static int open_map(off_t *size)
{
    char path[40] = "";
    struct out o = {.buf = path, .cap = sizeof path - 1};
    struct stat before, st;
    out_fmt(&o, "/tmp/perf-%u.map", table_pid());
    if (sys_stat_at(AT_FDCWD, path, &before, AT_SYMLINK_NOFOLLOW) < 0 || !is_ours(&before))
        return -1;
    long fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (sys_stat_at((int)fd, "", &st, AT_EMPTY_PATH) == 0 && is_ours(&st)) {
        *size = st.st_size;
        return (int)fd;
    }
    sys_close((int)fd);
    return -1;
}

/* What is at FROM, N bytes at most; less if the file has become shorter. */
static size_t read_at(int fd, char *text, size_t n, off_t from)
{
    size_t got = 0;
    for (long r = 1; got < n && r > 0; got += r > 0 ? (size_t)r : 0)
        r = SYS4(SYS_pread64, fd, text + got, n - got, from + (off_t)got);
    return got;
}

/* Names those of the N targets that have none yet. */
static bool name_rest(struct names_arena *arena, struct perf_map_target *targets, struct perf_map_target *rest, size_t n, const char *text,
                      size_t len)
{
    size_t n_rest = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        if (!targets[i].name)
            rest[n_rest++] = (struct perf_map_target){.addr = targets[i].addr};
    perf_map_find(text, len, rest, n_rest);
    for (size_t i = 0; i < n; i++) {
        if (targets[i].name)
            continue;
        const struct perf_map_target *found = &rest[at++];
        targets[i].name = found->name ? names_keep(arena, found->name, found->len) : NULL;
        targets[i].len = found->len;
    }
    return n_rest > 0;
}

static void read_pieces(struct names_arena *arena, struct perf_map_target *targets, struct perf_map_target *rest, size_t n, int fd,
                        off_t size, char *text)
{
    off_t end = size, least = size > (off_t)PERF_MAP_MAX ? size - (off_t)PERF_MAP_MAX : 0;
    while (end > least) {
        off_t from = end - least > (off_t)PIECE ? end - (off_t)PIECE : least;
        size_t len = read_at(fd, text, (size_t)(end - from), from), cut = 0;
        if (from > 0) { /* the first line begins before, and is read with the piece before */
            const char *newline = memchr(text, '\n', len);
            cut = newline ? (size_t)(newline - text) + 1 : len;
        }
        if (!name_rest(arena, targets, rest, n, text + cut, len - cut))
            return;
        /* a line that is longer than a piece is none */
        end = from > least && cut < len ? from + (off_t)cut : from;
    }
}

void perf_names_find(struct names_arena *arena, struct perf_map_target *targets, size_t n)
{
    off_t size = 0;
    for (size_t i = 0; i < n; i++)
        targets[i].name = NULL;
    int fd = n && !sys_in_sandbox() && number_is_ours() ? open_map(&size) : -1;
    if (fd < 0)
        return;
    struct perf_map_target *rest = pages_alloc(n * sizeof *rest);
    char *text = pages_alloc(PIECE);
    if (rest && text)
        read_pieces(arena, targets, rest, n, fd, size, text);
    if (rest)
        pages_free(rest, n * sizeof *rest);
    if (text)
        pages_free(text, PIECE);
    sys_close(fd);
}
