/* SPDX-License-Identifier: MIT */
/*
 * program.c: can the program that a process runs carry the agent? From its file and its mappings.
 *
 * Called by report and scan, which advise on it; what attach itself finds out before it stops a
 * process is in remote/check.c. The file is another user's: every offset of it is checked.
 */
#include "program.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../arch/ptrace.h"
#include "procfs.h"

bool program_is_agent(const char *path)
{
    const char *at = strstr(path, "libsockleak.so");
    at = at ? at : strstr(path, "libsockleak-musl.so");
    return at && at > path && (at[-1] == '/' || at[-1] == ':');
}

static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
    return at <= INT64_MAX && pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

/* A section that only Go's linker makes. */
static bool has_go_section(int fd, const Elf64_Ehdr *eh)
{
    Elf64_Shdr names, sh;
    char name[16];
    if (!eh->e_shnum || !read_at(fd, &names, sizeof names, eh->e_shoff + (uint64_t)eh->e_shstrndx * sizeof names))
        return false;
    for (unsigned i = 0; i < eh->e_shnum; i++) {
        if (!read_at(fd, &sh, sizeof sh, eh->e_shoff + (uint64_t)i * sizeof sh))
            return false;
        memset(name, 0, sizeof name);
        if (sh.sh_name < names.sh_size && read_at(fd, name, sizeof ".go.buildinfo", names.sh_offset + sh.sh_name) &&
            strcmp(name, ".go.buildinfo") == 0)
            return true;
    }
    return false;
}

/* By the program's own file; PROGRAM_LOADABLE: it names a loader. */
static enum program by_file(int fd)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    if (!read_at(fd, &eh, sizeof eh, 0) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0)
        return PROGRAM_UNKNOWN;
    if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != ARCH_ELF_MACHINE)
        return PROGRAM_OTHER_CPU;
    if (has_go_section(fd, &eh))
        return PROGRAM_GO;
    for (unsigned i = 0; i < eh.e_phnum && read_at(fd, &ph, sizeof ph, eh.e_phoff + (uint64_t)i * sizeof ph); i++)
        if (ph.p_type == PT_INTERP)
            return PROGRAM_LOADABLE;
    return PROGRAM_STATIC;
}

struct mapped {
    bool any, agent, libc; /* libc: glibc or musl */
};

static struct mapped mapped_by(pid_t pid)
{
    struct mapped is = {0};
    char path[64], *line = NULL;
    size_t cap = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && getline(&line, &cap, f) > 0) {
        is.any = true;
        is.agent |= program_is_agent(line);
        is.libc |=
            strstr(line, "/libc.so.6") || strstr(line, "/libc-2.") || strstr(line, "/ld-musl-") || strstr(line, "-linux-musl/libc.so");
    }
    free(line);
    if (f)
        fclose(f);
    return is;
}

enum program program_of(pid_t pid)
{
    char path[64];
    pid_t at = procfs_alive(pid);
    struct mapped is = mapped_by(at);
    if (is.agent)
        return PROGRAM_WITH_AGENT;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)at);
    int fd = is.any ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return PROGRAM_UNKNOWN;
    enum program program = by_file(fd);
    close(fd);
    return program == PROGRAM_LOADABLE && !is.libc ? PROGRAM_OTHER_LIBC : program;
}

const char *program_refusal(enum program program)
{
    switch (program) {
    case PROGRAM_STATIC:
        return "it is statically linked";
    case PROGRAM_GO:
        return "a Go program makes its system calls itself";
    case PROGRAM_OTHER_LIBC:
        return "it runs neither on glibc nor on musl";
    case PROGRAM_OTHER_CPU:
        return "it is a 32-bit program or one for another processor";
    default:
        return NULL;
    }
}
