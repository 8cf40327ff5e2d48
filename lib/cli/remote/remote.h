/* SPDX-License-Identifier: MIT */
/*
 * remote.h: another process' memory: what is mapped, and the objects in it.
 *
 * Shared by the files of this folder. Everything is read from the live process (its memory, not the
 * files on disk, which may have been replaced since it started). Sizes and offsets in the other
 * process' tables are not trusted.
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
    bool has_tables;              /* the fields below were read */
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

#endif
