/* SPDX-License-Identifier: MIT */
/*
 * state_file.c: creates the state file and fills its header, which identifies the process.
 *
 * Called once a process, by the thread whose event is the first, with signals blocked.
 */
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "../../core/hash.h"
#include "../../core/statedir.h"
#include "../base/clock.h"
#include "../base/errno_text.h"
#include "../base/log.h"
#include "../base/notes.h"
#include "../base/options.h"
#include "../base/program_path.h"
#include "../base/proc_files.h"
#include "../base/spare.h"
#include "../base/sys.h"
#include "bound.h"
#include "state_dir.h"
#include "table.h"

static void read_boot_id(struct state_header *h)
{
    char id[64];
    if (h->boot_id_hash)
        return;
    long n = proc_read(id, sizeof id, "/proc/sys/kernel/random/boot_id");
    const char *end = n > 0 ? memchr(id, '\n', (size_t)n) : NULL;
    h->boot_id_hash = n > 0 ? hash_bytes(HASH_START, id, end ? (size_t)(end - id) : (size_t)n) : 0;
}

static void describe_program(struct state_header *h)
{
    struct stat st;
    struct utsname u;
    strncpy(h->agent_version, SOCKLEAK_VERSION, sizeof h->agent_version - 1);
    if (h->exe[0])
        return;
    if (sys_stat("/proc/self/exe", &st) >= 0) {
        h->exe_dev = st.st_dev;
        h->exe_ino = st.st_ino;
    }
    program_path(h->exe, sizeof h->exe);
    if (SYS1(SYS_uname, &u) >= 0)
        strncpy(h->host, u.nodename, sizeof h->host - 1);
}

/* Copies what is the same in a forked child. */
static void take_over(struct state_header *h, const struct state_header *parent)
{
    h->boot_id_hash = parent->boot_id_hash;
    h->exe_dev = parent->exe_dev;
    h->exe_ino = parent->exe_ino;
    memcpy(h->exe, parent->exe, sizeof h->exe);
    memcpy(h->host, parent->host, sizeof h->host);
}

void state_file_take_options(void)
{
    struct state_header *h = table_head;
    h->kinds = agent_options.kinds;
    h->grace_ns = agent_options.grace_ns;
    h->interval_ns = agent_options.interval_ns;
    h->interval_given = agent_options.interval_set;
}

static void fill_header(struct state_header *h, const struct state_header *parent, uint32_t ppid, uint64_t start_ticks)
{
    h->version = STATE_VERSION;
    h->byte_order = STATE_BYTE_ORDER;
    h->header_size = sizeof *h;
    h->slot_size = sizeof(struct state_slot);
    h->word_bits = 64;
    h->pid = spare_pid();
    h->ppid = ppid;
    h->uid = (uint32_t)SYS0(SYS_getuid);
    h->start_ticks = start_ticks;
    h->opened_mono_ns = clock_now();
    h->opened_real_ns = clock_now_real();
    log_set_start(h->opened_real_ns);
    h->max_frames = agent_options.max_frames;
    state_file_take_options();
    h->enabled = agent_options.enabled;
    if (parent)
        take_over(h, parent);
    read_boot_id(h);
    describe_program(h);
    struct rlimit64 r;
    if (SYS4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &r) >= 0)
        h->nofile_limit = r.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)r.rlim_cur;
    memcpy(h->magic, STATE_MAGIC, 8);
}

struct making {
    const struct state_header *parent;
    uint32_t ppid;
    bool last_try; /* else no table is made when there is no descriptor for its file */
    bool full, made;
};

/*
 * The file gets its name when its header is complete: a process that is killed before leaves no
 * unreadable file under that name. Returns the directory, for the caller to close; -errno: none.
 */
static int make_in(struct making *m)
{
    char name[64], unfinished[72];
    const char *why;
    uint64_t ticks;
    int dir = state_dir_open(name, sizeof name, &ticks, &why);
    struct out o = {.buf = unfinished, .cap = sizeof unfinished - 1};
    out_fmt(&o, "%s" STATEDIR_UNFINISHED, name);
    unfinished[o.len] = 0;
    int error = dir >= 0 ? table_open_file(dir, unfinished) : dir;
    if (error == -EMFILE && !m->last_try) {
        m->full = true;
        return dir;
    }
    int r = error < 0 ? table_open(error, NULL, &error) : 0;
    if (r == 0)
        fill_header(table_head, m->parent, m->ppid, ticks);
    if (r == 0 && error == 0) {
        error = (int)SYS5(SYS_renameat2, dir, unfinished, dir, name, 0);
        if (error < 0)
            SYS3(SYS_unlinkat, dir, unfinished, 0);
    }
    if (r == 0 && error == 0 && dir >= 0 && !state_dir_is_a_runs())
        bound_directory(dir, m->parent);
    m->made = r == 0;
    if (r == 0 && error < 0) {
        state_dir_no_file();
        log_later("no state file: the table stays in memory, and `sockleak report` sees the sockets of this process without stacks: ",
                  dir < 0 && *why ? why : errno_text(-error));
    } else if (r == 0 && *why) {
        log_later("$XDG_RUNTIME_DIR/sockleak is not used, the state file lies in /dev/shm: ", why);
    }
    return dir;
}

static void make(void *arg)
{
    int dir = make_in(arg);
    if (dir >= 0)
        sys_close(dir);
}

bool state_file_make(const struct state_header *parent)
{
    struct making m = {.parent = parent, .ppid = (uint32_t)SYS0(SYS_getppid)};
    make(&m);
    if (m.full) {
        m.last_try = true;
        spare_run(make, &m);
    }
    return m.made;
}
