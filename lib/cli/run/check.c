/* SPDX-License-Identifier: MIT */
/*
 * check.c: finds out, before a program runs, whether the loader would load the agent into it, and if
 * not, whether it can be watched from outside.
 *
 * Called by run.c. Without this check a static or set-user-ID program would run with no agent, and
 * its clean report would be wrong. It compares what the loader compares: class, byte order, machine
 * and loader of the program with those of the agent and of this command.
 */
#include "check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../core/textstack.h"
#include "../base/cli.h"
#include "elf_file.h"

#define INSTEAD "; 'sockleak scan' sees its sockets without an agent"
#define TRACED "; 'sockleak run --trace' watches it from outside, 'sockleak scan' sees its sockets without an agent"
#define MAX_SCRIPTS 5 /* the kernel's own limit on interpreters of interpreters is 4 */

static char sentence[CLI_PATH_MAX + 512];

const char *run_find(const char *name, char *path, size_t cap)
{
    const char *dirs = getenv("PATH");
    struct stat st;
    int denied = 0;
    if (name[0] == 0)
        return strerror(ENOENT);
    if (strchr(name, '/')) {
        if ((size_t)snprintf(path, cap, "%s", name) >= cap)
            return strerror(ENAMETOOLONG);
        if (stat(path, &st) != 0)
            return strerror(errno);
        if (S_ISDIR(st.st_mode))
            return strerror(EISDIR);
        return access(path, X_OK) == 0 ? NULL : "it is not executable (chmod +x)";
    }
    for (const char *p = dirs ? dirs : "/bin:/usr/bin"; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
        int len = (int)strcspn(p, ":");
        if ((size_t)snprintf(path, cap, "%.*s%s%s", len ? len : 1, len ? p : ".", "/", name) >= cap || stat(path, &st) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        if (access(path, X_OK) == 0)
            return NULL;
        denied = 1;
    }
    return denied ? "it is not executable" : "no such command in PATH";
}

/* ---- ELF ------------------------------------------------------------------------------------- */

struct elf_program {
    unsigned char ident[EI_NIDENT];
    unsigned machine, type;
    char interp[256]; /* empty: none */
    bool readable;    /* its program headers could be read */
};

enum read_result { READ_ELF, READ_OTHER, READ_NOT };

static bool read_at(int fd, void *buf, size_t n, uint64_t at) { return at <= INT64_MAX && pread(fd, buf, n, (off_t)at) == (ssize_t)n; }

/*
 * Reads the program headers of a 32-bit or 64-bit file in our byte order. A file of the other byte
 * order is refused by its ident anyway.
 */
static bool read_interp(int fd, const Elf64_Ehdr *h, bool is64, struct elf_program *p)
{
    const Elf32_Ehdr *h32 = (const void *)h;
    uint64_t at = is64 ? h->e_phoff : h32->e_phoff;
    unsigned n = is64 ? h->e_phnum : h32->e_phnum, size = is64 ? h->e_phentsize : h32->e_phentsize;
    if (size != (is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return false;
    for (unsigned i = 0; i < n; i++) {
        union {
            Elf64_Phdr p64;
            Elf32_Phdr p32;
        } ph;
        if (!read_at(fd, &ph, size, at + (uint64_t)i * size))
            return false;
        uint64_t offset = is64 ? ph.p64.p_offset : ph.p32.p_offset, length = is64 ? ph.p64.p_filesz : ph.p32.p_filesz;
        if ((is64 ? ph.p64.p_type : ph.p32.p_type) != PT_INTERP)
            continue;
        if (length == 0 || length > sizeof p->interp || !read_at(fd, p->interp, length, offset))
            return false;
        p->interp[length - 1] = 0;
        return true;
    }
    return true;
}

/* FIRST gets the file's first bytes, NUL-terminated, when it is no ELF file. */
static enum read_result read_program(const char *path, struct elf_program *p, char first[256])
{
    Elf64_Ehdr h;
    memset(p, 0, sizeof *p);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return READ_NOT;
    enum read_result result = READ_NOT;
    ssize_t n = pread(fd, first, 255, 0);
    if (n >= 0) {
        first[n] = 0;
        result = READ_OTHER;
        if (n >= (ssize_t)sizeof h && memcmp(first, ELFMAG, SELFMAG) == 0) {
            memcpy(&h, first, sizeof h);
            memcpy(p->ident, h.e_ident, EI_NIDENT);
            p->machine = h.e_machine;
            p->type = h.e_type;
            p->readable = read_interp(fd, &h, h.e_ident[EI_CLASS] == ELFCLASS64, p);
            result = READ_ELF;
        }
    }
    close(fd);
    return result;
}

/* The loader of the C library that the agent belongs to: this command's own, or glibc's where everything is linked into the command. */
static void loader_of_agent(struct elf_program *self)
{
    if (!self->interp[0])
        snprintf(self->interp, sizeof self->interp, "%s", self->machine == EM_AARCH64 ? "ld-linux-aarch64.so.1" : "ld-linux-x86-64.so.2");
}

/* A program of another processor: neither the library nor the tracer can do anything with it. */
static const char *check_processor(const char *path, const struct elf_program *p, const struct elf_program *self)
{
    const char *what = NULL;
    if (p->ident[EI_CLASS] != self->ident[EI_CLASS])
        what = p->ident[EI_CLASS] == ELFCLASS32 ? "a 32-bit program, the agent is 64-bit" : "a 64-bit program, the agent is 32-bit";
    else if (p->ident[EI_DATA] != self->ident[EI_DATA] || p->machine != self->machine)
        what = "built for another processor than the agent";
    if (!what)
        return NULL;
    snprintf(sentence, sizeof sentence, "%s is %s: build the agent for it" INSTEAD, path, what);
    return sentence;
}

static bool is_static(const char *path, const struct elf_program *p)
{
    bool loader = p->type == ET_DYN && strncmp(text_base_name(path), "ld", 2) == 0; /* run by hand */
    return p->readable && !p->interp[0] && !loader;
}

static const char *check_loader(const char *path, const struct elf_program *p, const struct elf_program *self)
{
    if (!p->readable || !p->interp[0]) /* damaged: execve will say so */
        return NULL;
    if (library_of_loader(p->interp) == LIBRARY_GLIBC && strcmp(text_base_name(p->interp), text_base_name(self->interp)) != 0) {
        snprintf(sentence, sizeof sentence, "%s runs on another libc (its loader is %s, the agent needs %s): build the agent there" INSTEAD,
                 path, p->interp, text_base_name(self->interp));
        return sentence;
    }
    if (access(p->interp, F_OK) != 0) {
        snprintf(sentence, sizeof sentence, "%s cannot run here: its loader %s does not exist", path, p->interp);
        return sentence;
    }
    return NULL;
}

/*
 * When a program gives its user other rights, the kernel sets AT_SECURE and the loader ignores
 * LD_PRELOAD. Whether that happens depends on who runs it and on the mount; so a set-user-ID or
 * set-group-ID program is always refused.
 */
static const char *check_privileges(const char *path, bool traced)
{
    struct stat st;
    struct statvfs fs;
    if (stat(path, &st) != 0)
        return NULL;
    bool honoured = statvfs(path, &fs) != 0 || !(fs.f_flag & ST_NOSUID);
    bool set_user = st.st_mode & S_ISUID, set_group = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    const char *what = set_user ? "set-user-ID" : set_group ? "set-group-ID" : NULL;
    bool changes = honoured && ((set_user && st.st_uid != getuid()) || (set_group && st.st_gid != getgid()));
    if (!what && honoured && geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0) {
        what = "given capabilities (setcap)";
        changes = true;
    }
    if (!what)
        return NULL;
    if (traced && !changes)
        return NULL;
    snprintf(sentence, sizeof sentence, "%s is %s: %s; run a copy without it" INSTEAD, path, what,
             traced    ? "nobody may look into such a program but root, and under the tracer it may not get those rights"
             : changes ? "the loader ignores preloads there"
                       : "for any user whose rights it changes the loader ignores preloads");
    return sentence;
}

/*
 * The interpreter of a script's first line into INTERP: for "#!/usr/bin/env -S python3 -u" python3
 * as PATH has it. False: it is not known.
 */
static bool script_interpreter(char *first, char *interp, size_t cap)
{
    /* execvp hands a file without a magic number to the shell */
    if (strncmp(first, "#!", 2) != 0) {
        snprintf(interp, cap, "/bin/sh");
        return strlen(first) > 0 && !strchr(first, '\x7f');
    }
    first[strcspn(first, "\n")] = 0;
    char *save = NULL, *word = strtok_r(first + 2, " \t", &save);
    if (!word)
        return false;
    snprintf(interp, cap, "%s", word);
    if (strcmp(text_base_name(word), "env") != 0)
        return true;
    while ((word = strtok_r(NULL, " \t", &save)))
        if (word[0] != '-' && !strchr(word, '='))
            return run_find(word, interp, cap) == NULL;
    return true;
}

/*
 * Static programs load no library. A Go program makes its system calls itself, also where cgo links
 * it with the C library: the agent would see few of them or none.
 */
static enum run_way check_elf(const char *path, const struct elf_program *p, const char *library, const char **why)
{
    struct elf_program self;
    char first[256];
    *why = check_privileges(path, false);
    if (*why || read_program("/proc/self/exe", &self, first) != READ_ELF)
        return *why ? RUN_REFUSE : RUN_PRELOAD;
    loader_of_agent(&self);
    if ((*why = check_processor(path, p, &self)))
        return RUN_REFUSE;
    bool go = elf_file_is_go(path);
    if (go)
        snprintf(sentence, sizeof sentence,
                 "%s is a Go program: Go makes its system calls itself, and not through the C library, where the agent records them" TRACED,
                 path);
    else if (is_static(path, p))
        snprintf(sentence, sizeof sentence, "%s is statically linked: no library can be preloaded into it" TRACED, path);
    else if (library && (*why = check_loader(path, p, &self)))
        return RUN_REFUSE;
    else
        return RUN_PRELOAD;
    *why = sentence;
    return RUN_TRACE;
}

static enum run_way check_depth(const char *path, const char *library, unsigned depth, const char **why)
{
    struct elf_program p;
    char first[256], interp[CLI_PATH_MAX];
    *why = NULL;
    switch (read_program(path, &p, first)) {
    case READ_ELF:
        return check_elf(path, &p, library, why);
    case READ_OTHER:
        if (depth < MAX_SCRIPTS && script_interpreter(first, interp, sizeof interp) && strcmp(interp, path) != 0)
            return check_depth(interp, library, depth + 1, why);
        return RUN_PRELOAD;
    default:
        *why = check_privileges(path, false);
        return *why ? RUN_REFUSE : RUN_PRELOAD;
    }
}

enum run_way run_check(const char *path, const char *library, const char **why) { return check_depth(path, library, 0, why); }

const char *run_check_traced(const char *path)
{
    struct elf_program p, self;
    char first[256], elf[CLI_PATH_MAX];
    if (!run_elf(path, elf, sizeof elf))
        return check_privileges(path, true);
    const char *why = check_privileges(elf, true);
    if (why || read_program(elf, &p, first) != READ_ELF || read_program("/proc/self/exe", &self, first) != READ_ELF)
        return why;
    return check_processor(elf, &p, &self);
}

bool run_elf(const char *path, char *elf, size_t cap)
{
    struct elf_program p;
    char first[256], interp[CLI_PATH_MAX];
    if ((size_t)snprintf(elf, cap, "%s", path) >= cap)
        return false;
    for (unsigned depth = 0; depth <= MAX_SCRIPTS; depth++) {
        enum read_result is = read_program(elf, &p, first);
        if (is != READ_OTHER)
            return is == READ_ELF;
        if (!script_interpreter(first, interp, sizeof interp) || (size_t)snprintf(elf, cap, "%s", interp) >= cap)
            return false;
    }
    return false;
}

enum library_libc run_libc(const char *path)
{
    struct elf_program p;
    char first[256], elf[CLI_PATH_MAX];
    if (!run_elf(path, elf, sizeof elf) || read_program(elf, &p, first) != READ_ELF)
        return LIBRARY_GLIBC;
    return library_of_loader(p.interp[0] ? p.interp : elf); /* the loader may be run by hand */
}
