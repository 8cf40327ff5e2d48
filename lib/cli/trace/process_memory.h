/* SPDX-License-Identifier: MIT */
/*
 * process_memory.h: memory of another process, by process_vm_readv(2): no descriptor is held open.
 */
#ifndef SOCKLEAK_CLI_TRACE_PROCESS_MEMORY_H
#define SOCKLEAK_CLI_TRACE_PROCESS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* True when all N bytes at AT were read. */
bool process_memory_read(pid_t pid, uint64_t at, void *to, size_t n);
/* True when all N bytes at AT and all M bytes at THEN were read. */
bool process_memory_two(pid_t pid, uint64_t at, void *to, size_t n, uint64_t then, void *to_then, size_t m);
/* Reads up to N bytes, as far as the memory goes; the number that was read. */
size_t process_memory_some(pid_t pid, uint64_t at, void *to, size_t n);

#endif
