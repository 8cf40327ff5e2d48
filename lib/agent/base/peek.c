/* SPDX-License-Identifier: MIT */
/*
 * peek.c: copies memory that may be unmapped.
 *
 * Called in the program's threads, when a frame of a runtime gets its name. A seccomp filter may
 * kill the process for process_vm_readv; one that was there before the start, as a container's,
 * answers EPERM or ENOSYS.
 */
#include "peek.h"

#include <string.h>
#include <sys/uio.h>

#include "readable.h"

static _Atomic bool refused;

static size_t probe_and_copy(uintptr_t a, unsigned char *to, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t part = PAGE_BYTES - (a + done) % PAGE_BYTES;
        part = part < n - done ? part : n - done;
        if (!readable((a + done) & ~(uintptr_t)7))
            break;
        memcpy(to + done, (const void *)(a + done), part);
        done += part;
    }
    return done;
}

size_t peek_some(uintptr_t a, void *to, size_t n)
{
    if (sys_in_sandbox() || atomic_load_explicit(&refused, memory_order_relaxed))
        return probe_and_copy(a, to, n);
    struct iovec here = {to, n}, there = {(void *)a, n};
    long got = SYS6(SYS_process_vm_readv, sys_getpid(), &here, 1, &there, 1, 0);
    if (got >= 0)
        return (size_t)got;
    if (got == -EFAULT)
        return 0;
    atomic_store_explicit(&refused, true, memory_order_relaxed);
    return probe_and_copy(a, to, n);
}

bool peek_each(const struct iovec *here, const struct iovec *there, unsigned n)
{
    size_t all = 0;
    for (unsigned i = 0; i < n; i++)
        all += here[i].iov_len;
    if (!sys_in_sandbox() && !atomic_load_explicit(&refused, memory_order_relaxed)) {
        long got = SYS6(SYS_process_vm_readv, sys_getpid(), here, n, there, n, 0);
        if (got >= 0 || got == -EFAULT)
            return got == (long)all;
    }
    for (unsigned i = 0; i < n; i++)
        if (!peek((uintptr_t)there[i].iov_base, here[i].iov_base, here[i].iov_len))
            return false;
    return true;
}
