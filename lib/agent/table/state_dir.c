/* SPDX-License-Identifier: MIT */
/*
 * state_dir.c: finds or makes the directory of the state file, and makes sure that no other user
 * can have put anything there.
 *
 * Runs once when the first socket is opened, and at exit to remove the file. The directory must be
 * ours, and nobody else may write to it (the files themselves have mode 0600); everything in it is
 * named relative to the descriptor that was checked, and no symbolic link is followed at its end.
 */
#include "state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/statedir.h"
#include "../../libc/libc.h"
#include "../base/environ.h"
#include "../base/errno_text.h"
#include "../base/options.h"
#include "../base/proc_files.h"
#include "../base/spare.h"
#include "../base/sys.h"

static char directory[600];   /* the candidate in use; empty: none */
static char file_name[64];    /* empty: the table is in memory only */
static _Atomic bool is_aside; /* renamed for an exec that is under way */

static bool is_private(int dir)
{
    struct stat st;
    long r = sys_stat_at(dir, "", &st, AT_EMPTY_PATH);
    return r >= 0 && statedir_is_private(st.st_mode, st.st_uid, (uint32_t)SYS0(SYS_geteuid));
}

static int open_directory(const char *path, bool make, const char **why)
{
    long made = make ? SYS3(SYS_mkdirat, AT_FDCWD, path, 0700) : -EEXIST;
    long fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) {
        *why = errno_text(made < 0 && made != -EEXIST ? (int)-made : (int)-fd);
        return (int)fd;
    }
    if (!is_private((int)fd)) {
        sys_close((int)fd);
        *why = "the directory belongs to somebody else, or others may write to it (chmod go-w, or give it mode 0700)";
        return -EPERM;
    }
    return (int)fd;
}

/*
 * Sets `directory` to candidate number WHICH, in the order of preference: the option's directory
 * and no other; without the option the user's runtime directory, then shared memory. False: there
 * is no such candidate, or its name is too long.
 */
static bool set_directory(unsigned which)
{
    struct out o = {.buf = directory, .cap = sizeof directory - 1};
    bool ok = true;
    if (agent_options.state_dir[0]) {
        ok = which == 0;
        out_str(&o, agent_options.state_dir);
    } else if (which == 0) {
        ok = statedir_runtime(&o, environ_get("XDG_RUNTIME_DIR"));
    } else {
        statedir_shared(&o, (uint32_t)SYS0(SYS_geteuid));
    }
    directory[o.len] = 0;
    return ok && !o.lost;
}

static int find_directory(const char **why)
{
    int fd = -ENOENT;
    const char *taken = "", *reason = "";
    for (unsigned which = 0; which < 2 && fd < 0; which++) {
        if (!set_directory(which))
            continue;
        fd = open_directory(directory, true, &reason);
        if (fd == -EPERM || fd == -ENOTDIR || fd == -ELOOP)
            taken = reason;
    }
    *why = fd < 0 ? reason : taken;
    return fd;
}

static uint64_t read_start_ticks(void)
{
    char buf[1024];
    /* not by its number: the folder may be another pid namespace's */
    long n = this_thread.works_for ? proc_read(buf, sizeof buf, "/proc/%u/stat", this_thread.works_for)
                                   : proc_read(buf, sizeof buf, "/proc/self/stat");
    return n > 0 ? statedir_start_ticks(buf) : 0;
}

static struct state_view old_file; /* base NULL: none */

/*
 * The file that an earlier program of this same process has left, if it is one of ours. 0, or
 * -errno: it cannot be opened.
 */
static long map_old(int dir, const char *name)
{
    struct stat st;
    long fd = sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    if (sys_stat_at((int)fd, "", &st, AT_EMPTY_PATH) >= 0 && S_ISREG(st.st_mode) && st.st_uid == (uint32_t)SYS0(SYS_geteuid) &&
        st.st_size >= (off_t)STATE_BODY_OFFSET && st.st_size <= (off_t)STATE_MAX_SIZE) {
        void *p = sys_mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, (int)fd, 0);
        if (!sys_failed(p) && state_open_view(&old_file, p, (uint64_t)st.st_size)) {
            sys_munmap(p, (size_t)st.st_size);
            old_file.base = NULL;
        }
    }
    sys_close((int)fd);
    return 0;
}

bool state_dir_take_old(struct state_view *old)
{
    *old = old_file;
    old_file.base = NULL;
    return old->base != NULL;
}

/*
 * Byte by byte: ThreadSanitizer sees libc's copies, but not how one thread hands the table to
 * another, and would call the other's reading a race.
 */
static void set_file_name(const char *name)
{
    for (size_t i = 0; i < sizeof file_name - 1 && (file_name[i] = name[i]); i++)
        ;
}

int state_dir_open(char *name, size_t cap, uint64_t *start_ticks, const char **why)
{
    *why = "";
    *start_ticks = read_start_ticks();
    struct out o = {.buf = name, .cap = cap - 1};
    statedir_file(&o, spare_pid(), *start_ticks);
    name[o.len] = 0;
    int dir = find_directory(why);
    if (dir < 0) {
        file_name[0] = 0;
        return dir;
    }
    if (map_old(dir, name) == -EMFILE) { /* the directory has taken the last descriptor */
        sys_close(dir);
        return -EMFILE;
    }
    set_file_name(name);
    /* Left by an earlier program of this same process, which an exec has replaced. */
    SYS3(SYS_unlinkat, dir, name, 0);
    return dir;
}

bool state_dir_is_a_runs(void)
{
    size_t n = strlen(agent_options.state_dir);
    return n && strncmp(agent_options.log_path, agent_options.state_dir, n) == 0 && agent_options.log_path[n] == '/';
}

void state_dir_no_file(void) { file_name[0] = 0; }

void state_dir_forget(void)
{
    file_name[0] = 0;
    atomic_store(&is_aside, false);
}

void state_dir_remove_file(void)
{
    const char *why;
    if (!file_name[0])
        return;
    int dir = open_directory(directory, false, &why);
    if (dir < 0)
        return;
    SYS3(SYS_unlinkat, dir, file_name, 0);
    sys_close(dir);
    file_name[0] = 0;
}

/* ---- exec ------------------------------------------------------------------------------------ */

static bool rename_aside(bool back)
{
    const char *why;
    char name[32];
    struct out o = {.buf = name, .cap = sizeof name - 1};
    statedir_aside(&o, (uint32_t)sys_getpid());
    name[o.len] = 0;
    int dir = open_directory(directory, false, &why);
    if (dir < 0)
        return false;
    long r = SYS5(SYS_renameat2, dir, back ? name : file_name, dir, back ? file_name : name, RENAME_NOREPLACE);
    sys_close(dir);
    return r >= 0;
}

void state_dir_step_aside(void)
{
    if (file_name[0] && !sys_in_sandbox() && rename_aside(false))
        atomic_store(&is_aside, true);
}

void state_dir_step_back(void)
{
    if (atomic_exchange(&is_aside, false))
        rename_aside(true);
}

static void remove_aside(void)
{
    const char *why;
    char path[sizeof directory + 32];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    size_t n = strlen(directory) + 1;
    out_fmt(&o, "%s/", directory);
    statedir_aside(&o, (uint32_t)sys_getpid());
    path[o.len] = 0;
    if (o.lost || SYS3(SYS_faccessat, AT_FDCWD, path, F_OK) < 0)
        return;
    int dir = open_directory(directory, false, &why);
    if (dir >= 0) {
        SYS3(SYS_unlinkat, dir, path + n, 0);
        sys_close(dir);
    }
}

void state_dir_clear_aside(void)
{
    for (unsigned which = 0; which < 2; which++)
        if (set_directory(which))
            remove_aside();
}

bool state_dir_has_file_of(uint32_t pid, uint64_t start_ticks)
{
    char path[sizeof directory + 64];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    out_fmt(&o, "%s/", directory);
    statedir_file(&o, pid, start_ticks);
    path[o.len] = 0;
    return file_name[0] && !o.lost && SYS3(SYS_faccessat, AT_FDCWD, path, F_OK) >= 0;
}

bool state_dir_file_path(char *path, size_t cap)
{
    struct out o = {.buf = path, .cap = cap - 1};
    out_fmt(&o, "%s/%s", directory, file_name);
    path[o.len] = 0;
    return file_name[0] && !o.lost;
}
