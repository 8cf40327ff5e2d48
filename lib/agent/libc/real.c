/* SPDX-License-Identifier: MIT */
/*
 * real.c: finds the originals of the wrapped calls, and handles calls that come before or during
 * the look-up.
 *
 * Runs once in the constructor, or in the thread that makes the first wrapped call before that:
 * another library's constructor, an allocator that dlsym itself has called, a signal handler. Takes
 * no lock of its own: threads that resolve at the same time store the same values.
 */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../base/auxv.h"
#include "../base/sys.h"
#include "../elf/object.h"
#include "libdl.h"
#include "next_symbol.h"

static __thread bool resolving;

/* Turns the kernel's result into libc's: -1 and errno for an error. */
static long libc_result(long r)
{
    if (r >= 0 || r < -4095)
        return r;
    errno = (int)-r;
    return -1;
}

/* ---- system calls that some processors or kernels have only in another form ---- */

static long kernel_dup2(int fd, int target)
{
    if (fd != target)
        return SYS3(SYS_dup3, fd, target, 0);
    long r = SYS2(SYS_fcntl, fd, F_GETFD);
    return r < 0 ? r : fd;
}

/* The kernel writes the remaining time into its argument, so it gets a copy. */
static long kernel_ppoll(struct pollfd *v, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    struct timespec left = timeout ? *timeout : (struct timespec){0, 0};
    return SYS5(SYS_ppoll, v, count, timeout ? &left : NULL, mask, 8);
}

static long kernel_poll(struct pollfd *v, nfds_t count, int timeout)
{
    struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};
    return kernel_ppoll(v, count, timeout < 0 ? NULL : &limit, NULL);
}

static long kernel_closefrom(int first)
{
    unsigned from = first < 0 ? 0 : (unsigned)first;
    if (SYS3(SYS_close_range, from, UINT_MAX, 0) == 0)
        return 0;
    struct rlimit limit;
    if (SYS4(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0 || limit.rlim_cur > 1u << 20)
        limit.rlim_cur = 1u << 20;
    for (unsigned fd = from; fd < limit.rlim_cur; fd++)
        sys_close((int)fd);
    return 0;
}

/* ---- asking the loader where its tables do not give the answer ---- */

typedef void *dlsym_function(void *handle, const char *name);

static void forget_dlerror(void)
{
    char *(*error)(void) = (char *(*)(void))(uintptr_t)libdl_loaded("dlerror");
    if (error)
        error();
}

/* For a name that a look-up of all did not find: what has it may have been loaded since. */
static void *look_again(const char *name)
{
    struct next_symbol again = {name, NULL};
    next_symbol_find(&again, 1);
    dlsym_function *ask = again.found ? NULL : (dlsym_function *)(uintptr_t)libdl_loaded("dlsym");
    if (!ask)
        return again.found;
    void *found = ask(RTLD_NEXT, name);
    if (!found)
        forget_dlerror();
    return found;
}

/* ---- for every name: its plain form, and the pointer's first value ---- */

#define WRAP(type, name, parameters, arguments, plain) \
    static type plain_##name parameters { return (type)libc_result(plain); }
#define WRAP_LIBC(type, name, parameters, arguments, failure)           \
    static type plain_##name parameters                                 \
    {                                                                   \
        type(*found) parameters = (__typeof__(found))look_again(#name); \
        if (found)                                                      \
            return found arguments;                                     \
        errno = ENOSYS;                                                 \
        return failure;                                                 \
    }
#define WRAP_LISTED(type, name, parameters)
#include "wrapped.def"

#define WRAP(type, name, parameters, arguments, plain) \
    static type first_##name parameters                \
    {                                                  \
        if (resolving)                                 \
            return plain_##name arguments;             \
        real_resolve();                                \
        return real.name arguments;                    \
    }
#define WRAP_LISTED(type, name, parameters)
#include "wrapped.def"

struct real real = {
#define WRAP(type, name, parameters, arguments, plain) .name = first_##name,
#define WRAP_LISTED(type, name, parameters) .name = NULL,
#include "wrapped.def"
};

/* ---- looking up ---- */

/* In the order of struct real. No pointers to the names: each is a word that the loader would write in every process. */
static const char wanted[][24] = {
#define WRAP(type, name, parameters, arguments, plain) #name,
#include "wrapped.def"
};
static void *const plain_calls[] = {
#define WRAP(type, name, parameters, arguments, plain) (void *)plain_##name,
#define WRAP_LISTED(type, name, parameters) NULL,
#include "wrapped.def"
};

/* The bounds of this library's mapping, from the linker. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static bool in_this_library(const void *p) { return (const char *)p >= __ehdr_start && (const char *)p < _end; }

#define WANTED (sizeof wanted / sizeof wanted[0])

/* ASK: NULL: there is no dlsym, and nothing in the process depends on its order. */
static void *ask_for(dlsym_function *ask, bool behind_us, const char *name)
{
    void *p = NULL;
    if (!ask)
        return behind_us ? NULL : libdl_loaded(name);
    if (!behind_us)
        p = ask(RTLD_DEFAULT, name);
    return p && !in_this_library(p) ? p : ask(RTLD_NEXT, name);
}

/*
 * Fills the table. BEHIND_US: with what comes after this library, most of it without dlsym.
 * Otherwise with what the program's own calls are bound to.
 */
static void resolve_all(bool behind_us)
{
    struct next_symbol names[WANTED + 1];
    int saved = errno;
    bool missed = false, complete = false;
    dlsym_function *ask = NULL;
    if (resolving)
        return;
    resolving = true;
    auxv_take();
    for (size_t i = 0; i < WANTED; i++)
        names[i] = (struct next_symbol){wanted[i], NULL};
    names[WANTED] = (struct next_symbol){OBJECT_FINDER, NULL};
    if (behind_us)
        complete = next_symbol_find(names, WANTED + 1);
    if (complete)
        object_use(names[WANTED].found);
    else
        ask = (dlsym_function *)(uintptr_t)libdl_function("dlsym");
    for (size_t i = 0; i < WANTED; i++) {
        void *p = names[i].found;
        if (!p && !complete)
            p = ask_for(ask, behind_us, wanted[i]);
        missed |= !p && ask;
        if (p && in_this_library(p)) /* libc's own table leads to us by now (inject/deepbind.c) */
            continue;
        __atomic_store_n((void **)&real + i, p ? p : plain_calls[i], __ATOMIC_RELAXED);
    }
    if (missed)
        /* without this the program's next dlerror() would report the failure of our search */
        forget_dlerror();
    errno = saved;
    resolving = false;
}

void real_resolve(void) { resolve_all(true); }

void real_resolve_default(void) { resolve_all(false); }
