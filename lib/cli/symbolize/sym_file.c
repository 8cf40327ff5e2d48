/* SPDX-License-Identifier: MIT */
/*
 * sym_file.c: finds the file of a module, proves by its build-id that it is the one that ran, and
 * opens it with libdwfl.
 *
 * Called by symbolize.c. The paths come out of a state file: nothing but a regular file is opened,
 * and no file is used without the proof.
 */
#include "sym_file.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/open_below.h"
#include "sym_live.h"

#define FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

enum fit { FIT_NO_FILE, FIT_OTHER, FIT_UNPROVEN, FIT_YES };

/* RUNNING: it is the file of the program that runs, so nobody has written to it since. */
static enum fit judge_file(int fd, const struct sym_source *from, bool running)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return FIT_NO_FILE;
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *id = NULL;
    ssize_t len = elf && elf_kind(elf) == ELF_K_ELF ? dwelf_elf_gnu_build_id(elf, &id) : -1;
    enum fit fit;
    if (from->build_id_len) {
        fit = len == (ssize_t)from->build_id_len && memcmp(id, from->build_id, from->build_id_len) == 0 ? FIT_YES : FIT_OTHER;
    } else {
        uint64_t changed = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
        fit = len <= 0 && (running || changed < from->unchanged_since) ? FIT_YES : FIT_UNPROVEN;
    }
    elf_end(elf);
    return fit;
}

struct file_search {
    const struct sym_source *from;
    int fd;          /* of the file that fits */
    char name[8192]; /* its path, beside which .debug directories are */
    enum fit best;
};

static bool take_if(struct file_search *s, int fd, const char *root, const char *path, bool running)
{
    if (fd < 0)
        return false;
    enum fit fit = judge_file(fd, s->from, running);
    if (fit > s->best)
        s->best = fit;
    if (fit != FIT_YES) {
        close(fd);
        return false;
    }
    s->fd = fd;
    snprintf(s->name, sizeof s->name, "%s%s", root, path);
    return true;
}

static bool take_if_fit(struct file_search *s, int fd, const char *root, const char *path) { return take_if(s, fd, root, path, false); }

/* Debug directories hold the file by build-id (NAME.debug), or a copy of it by its own name. */
static bool search_debug_dirs(struct file_search *s, const char *dirs)
{
    char hex[2 * 64 + 1] = "", path[8192];
    const struct sym_source *from = s->from;
    for (unsigned i = 0; i < from->build_id_len && i < 64; i++)
        snprintf(hex + 2 * i, 3, "%02x", from->build_id[i]);
    const char *base = strrchr(from->path, '/');
    base = base ? base + 1 : from->path;
    while (dirs && *dirs) {
        int len = (int)strcspn(dirs, ":");
        if (hex[0]) {
            snprintf(path, sizeof path, "%.*s/.build-id/%.2s/%s.debug", len, dirs, hex, hex + 2);
            if (take_if_fit(s, open(path, FLAGS), "", path))
                return true;
        }
        snprintf(path, sizeof path, "%.*s/%s", len, dirs, from->path);
        if (take_if_fit(s, open(path, FLAGS), "", path))
            return true;
        snprintf(path, sizeof path, "%.*s/%s", len, dirs, base);
        if (take_if_fit(s, open(path, FLAGS), "", path))
            return true;
        snprintf(path, sizeof path, "%.*s/%s.debug", len, dirs, base);
        if (take_if_fit(s, open(path, FLAGS), "", path))
            return true;
        dirs += len + (dirs[len] == ':');
    }
    return false;
}

/* libdwfl's own search by build-id, which asks debuginfod where DEBUGINFOD_URLS is set. */
static bool search_by_id(struct file_search *s, const Dwfl_Callbacks *callbacks)
{
    if (!s->from->build_id_len)
        return false;
    Dwfl *dwfl = dwfl_begin(callbacks);
    if (!dwfl)
        return false;
    dwfl_report_begin(dwfl);
    Dwfl_Module *module = dwfl_report_module(dwfl, s->from->path, 0x1000, (Dwarf_Addr)1 << 47);
    bool found = false;
    if (module && dwfl_module_report_build_id(module, s->from->build_id, s->from->build_id_len, 0) == 0) {
        char *name = NULL;
        Elf *elf = NULL;
        int fd = dwfl_build_id_find_elf(module, NULL, s->from->path, 0, &name, &elf);
        found = take_if_fit(s, fd, "", name ? name : s->from->path);
        elf_end(elf);
        free(name);
    }
    dwfl_report_end(dwfl, NULL, NULL);
    dwfl_end(dwfl);
    return found;
}

/* ROOT NULL: a link of the kernel's, which leads there by itself. */
static bool try_live(void *arg, const char *root, const char *path, bool running)
{
    struct file_search *s = arg;
    int fd = root && root[0] ? open_below(root, path, FLAGS) : open(path, FLAGS);
    return take_if(s, fd, root ? root : "", path, running);
}

static bool find_file(struct file_search *s, const Dwfl_Callbacks *callbacks)
{
    const struct sym_source *from = s->from;
    struct sym_live live = {.pid = from->pid, .start = from->start, .path = from->path, .root = from->root, .has_id = from->build_id_len};
    /* Without a build-id the date is a weak proof: the file of a program that runs needs none. */
    if (from->pid && !live.has_id && sym_live_paths(&live, try_live, s))
        return true;
    if (from->path[0] == '/') {
        if (from->sysroot && take_if_fit(s, open_below(from->sysroot, from->path, FLAGS), from->sysroot, from->path))
            return true;
        if (!from->sysroot && from->root && take_if_fit(s, open_below(from->root, from->path, FLAGS), from->root, from->path))
            return true;
        if (!from->sysroot && !from->root && take_if_fit(s, open(from->path, FLAGS), "", from->path))
            return true;
    }
    if (from->pid && live.has_id && sym_live_paths(&live, try_live, s))
        return true;
    return search_debug_dirs(s, from->debug_dirs) || search_debug_dirs(s, "/usr/lib/debug") || search_by_id(s, callbacks);
}

bool sym_file_open(struct sym_file *o, const struct sym_source *from, const char **trouble)
{
    *o = (struct sym_file){0};
    elf_version(EV_CURRENT);
    if (from->path[0] == '[' || from->path[0] == 0) { /* the vdso: no file anywhere */
        *trouble = NULL;
        return false;
    }
    const char *extra = from->sysroot ? from->sysroot : from->root;
    if (asprintf(&o->debug_path, ":.debug%s%s%s%s%s:/usr/lib/debug", from->debug_dirs ? ":" : "", from->debug_dirs ? from->debug_dirs : "",
                 extra ? ":" : "", extra ? extra : "", extra ? "/usr/lib/debug" : "") < 0) {
        o->debug_path = NULL;
        *trouble = strerror(ENOMEM);
        return false;
    }
    o->callbacks = (Dwfl_Callbacks){
        .find_elf = dwfl_build_id_find_elf, .find_debuginfo = dwfl_standard_find_debuginfo, .debuginfo_path = &o->debug_path};
    struct file_search s = {.from = from, .fd = -1, .best = FIT_NO_FILE};
    if (!find_file(&s, &o->callbacks)) {
        *trouble = s.best == FIT_OTHER      ? "the file on disk is another build than the one that ran"
                   : s.best == FIT_UNPROVEN ? "it has no build-id (link with -Wl,--build-id) and may have changed since"
                                            : "no file of this build found; name its place with --sysroot or --debug-dir";
        sym_file_close(o);
        return false;
    }
    struct stat st;
    if (fstat(s.fd, &st) == 0) {
        o->written_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
        o->owner = st.st_uid;
    }
    o->dwfl = dwfl_begin(&o->callbacks);
    if (o->dwfl) {
        dwfl_report_begin(o->dwfl);
        o->module = dwfl_report_elf(o->dwfl, s.name, s.name, s.fd, 0, true);
        dwfl_report_end(o->dwfl, NULL, NULL);
    }
    if (!o->module) {
        close(s.fd); /* libdwfl takes it only when it succeeds */
        *trouble = "its ELF headers cannot be read";
        sym_file_close(o);
        return false;
    }
    return true;
}

void sym_file_close(struct sym_file *o)
{
    if (o->dwfl)
        dwfl_end(o->dwfl);
    free(o->debug_path);
    *o = (struct sym_file){0};
}
