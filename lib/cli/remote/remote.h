/* SPDX-License-Identifier: MIT */
/*
 * remote.h: another process' memory: what is mapped, the objects in it, their symbols.
 *
 * Everything is read from the live process (its memory, not the files on disk, which may have been replaced since it started). Nothing here
 * stops it or changes it but remote_write. Sizes and offsets in the other process' tables are not trusted.
 */
#ifndef SOCKLEAK_CLI_REMOTE_REMOTE_H
#define SOCKLEAK_CLI_REMOTE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct remote_map {
    uint64_t start, end, offset, dev, ino;
    bool read, write, exec, shared;
    char *path; /* as the process sees it, without " (deleted)"; "" for none */
};

struct remote_module { /* an ELF object that is mapped */
    uint64_t start, end, bias;
    const char *path, *base_name; /* in a remote_map */
    bool known;                   /* the fields below were read */
    uint64_t symtab, strtab, strsz, gnu_hash, hash, versym;
};

struct remote {
    pid_t pid;
    int mem; /* /proc/PID/mem, -1 none */
    struct remote_map *maps;
    size_t n_maps;
    struct remote_module *modules;
    size_t n_modules;
};

/* Opens PID's memory and reads its maps. 0 or -errno; -EACCES or -EPERM: no permission. A failed one needs no remote_close. */
int remote_open(struct remote *r, pid_t pid);
/* Reads the maps again: something was loaded. Module pointers are void then. */
int remote_refresh(struct remote *r);
void remote_close(struct remote *r);

bool remote_read(const struct remote *r, uint64_t at, void *to, size_t n);
bool remote_write(const struct remote *r, uint64_t at, const void *from, size_t n);
/* A string of at most CAP-1 bytes. */
bool remote_string(const struct remote *r, uint64_t at, char *to, size_t cap);

const struct remote_map *remote_map_at(const struct remote *r, uint64_t addr);
struct remote_module *remote_module_at(const struct remote *r, uint64_t addr);
/* The module whose file name begins with PREFIX and goes on with one of "." "-" or ends: "libc" finds libc.so.6 and libc-2.31.so. */
struct remote_module *remote_module_named(const struct remote *r, const char *prefix);
/* The default version of a defined symbol. SIZE may be NULL. */
bool remote_symbol(const struct remote *r, struct remote_module *m, const char *name, uint64_t *addr, uint64_t *size);

/* One field of /proc/PID/status ("TracerPid", "State", "Seccomp"); false when there is none. PATH_TID 0: the process itself. */
bool remote_status(pid_t pid, const char *field, char *to, size_t cap);

#endif
