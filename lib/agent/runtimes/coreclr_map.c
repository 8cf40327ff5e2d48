/* SPDX-License-Identifier: MIT */
/*
 * coreclr_map.c: the perf map of this process: finds it, proves that it is this process', reads it.
 *
 * Called in the program's threads for addresses that are new. The runtime writes a method's line
 * before the method runs. Everybody may make files in /tmp, and a map stays there when its process
 * has ended.
 */
#include "coreclr.h"

#include <sys/stat.h>
#include <time.h>

#include "../../core/out.h"
#include "../base/clocks.h"
#include "../base/sys.h"
#include "../table/header.h"

#define MAX_READ (64u << 20)  /* of a longer one the end is read */
#define ROUNDING_NS 20000000u /* of a file's date and of a process' start */

static char path[40];

/* Opens it; a descriptor, or -errno. *WRONG says what else is wrong with it. */
static int open_map(struct stat *st, const char **wrong)
{
    *wrong = NULL;
    if (sys_in_sandbox())
        return -EPERM;
    long fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd < 0)
        return (int)fd;
    uint64_t begun = clock_real_of(table_start_ticks());
    if (sys_stat_at((int)fd, "", st, AT_EMPTY_PATH) < 0 || !S_ISREG(st->st_mode))
        *wrong = "its perf map is no regular file";
    else if (st->st_uid != 0 && st->st_uid != (uid_t)SYS0(SYS_geteuid))
        *wrong = "its perf map is another user's";
    else if ((uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec + ROUNDING_NS < begun)
        *wrong = "its perf map is older than the process";
    if (!*wrong)
        return (int)fd;
    sys_close((int)fd);
    return -EINVAL;
}

const char *coreclr_map_find(void)
{
    struct out o = {.buf = path, .cap = sizeof path - 1};
    struct stat st;
    const char *wrong;
    out_fmt(&o, "/tmp/perf-%ld.map", sys_getpid());
    path[o.len] = 0;
    int fd = open_map(&st, &wrong);
    if (fd < 0)
        return wrong ? wrong : "it writes no perf map (DOTNET_PerfMapEnabled=1)";
    sys_close(fd);
    return NULL;
}

/* The end of the file, in SCRATCH. NULL: it cannot be read. */
static const char *read_end(int fd, uint64_t size, size_t *len, struct scratch **scratch)
{
    uint64_t from = size > MAX_READ ? size - MAX_READ : 0;
    size_t wanted = (size_t)(size - from);
    char *text = scratch_get(scratch, wanted + 1);
    long got = 1;
    for (*len = 0; text && *len < wanted && got > 0; *len += got > 0 ? (size_t)got : 0)
        got = SYS4(SYS_pread64, fd, text + *len, wanted - *len, from + *len);
    return got < 0 ? NULL : text;
}

bool coreclr_map_names(struct perf_map_target *targets, size_t n, struct scratch **scratch)
{
    struct stat st;
    const char *wrong;
    size_t len;
    int fd = open_map(&st, &wrong);
    if (fd < 0)
        return false;
    const char *text = read_end(fd, (uint64_t)st.st_size, &len, scratch);
    sys_close(fd);
    if (text)
        perf_map_find(text, len, targets, n);
    return text != NULL;
}
