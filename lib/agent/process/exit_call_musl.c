/* SPDX-License-Identifier: MIT */
/*
 * exit_call_musl.c: musl has no on_exit, and runs destructors behind every exit handler.
 *
 * So our destructor calls: the program's own have run by then, for its constructors came after ours.
 * The status is noted where it passes: at exit(3), and at the return of main, which
 * __libc_start_main is to call through us. Where musl itself ends the program (err(3)) it is not
 * known. A second call of exit is refused by musl 1.2.6: the rest, which is the flush of stdio and
 * the destructors of what we need ourselves, is done here.
 */
#include "exit_call.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../../libc/libc.h"
#include "../base/sys.h"

typedef int main_function(int argc, char **argv, char **envp);
typedef int start_function(main_function *f, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*loader_fini)(void));
typedef void exit_function(int status);

int wrap_libc_start_main(main_function *f, int argc, char **argv, void (*init)(void), void (*fini)(void),
                         void (*loader_fini)(void)) __asm__("__libc_start_main") __attribute__((visibility("default")));
_Noreturn void wrap_exit(int status) __asm__("exit") __attribute__((visibility("default")));

static void (*at_end)(int status);
static main_function *programs_main;
static _Atomic int status_noted = STATE_STATUS_UNKNOWN;

static int run_main(int argc, char **argv, char **envp)
{
    int status = programs_main(argc, argv, envp);
    atomic_store(&status_noted, status);
    return status;
}

int wrap_libc_start_main(main_function *f, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*loader_fini)(void))
{
    start_function *start = (start_function *)(uintptr_t)dlsym(RTLD_NEXT, "__libc_start_main");
    programs_main = f;
    return start(run_main, argc, argv, init, fini, loader_fini);
}

void wrap_exit(int status)
{
    exit_function *leave = (exit_function *)(uintptr_t)dlsym(RTLD_NEXT, "exit");
    atomic_store(&status_noted, status);
    leave(status);
    __builtin_unreachable();
}

__attribute__((destructor)) static void on_end(void)
{
    if (at_end)
        at_end(atomic_load(&status_noted));
}

void exit_call(void (*f)(int status), bool (*late)(void))
{
    (void)late;
    at_end = f;
}

void exit_again(int status)
{
    fflush(NULL);
    for (;;)
        SYS1(SYS_exit_group, status);
}
