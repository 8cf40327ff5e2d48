/* SPDX-License-Identifier: MIT */
/* hard_loader WORD LIBRARY...: a C program whose libraries come and go while it opens sockets. See preload/hard_module.cc. */
#include "victim.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

#include "hard_unwinder.h"

static int opens_and_closes(void) { return close((int)MUST(socket(AF_INET, SOCK_STREAM, 0))); }

static void *load(const char *path)
{
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        puts(dlerror());
        exit(98);
    }
    return lib;
}
static int call(void *lib, const char *name, int arg)
{
    int (*f)(int) = (int (*)(int))dlsym(lib, name);
    return f ? f(arg) : -1;
}

/* C++ comes into a program that has none, after the unwinder was needed; its exceptions must find the C++ library's. */
static void throws(const char *path)
{
    Dl_info unwinder;
    odd_call(opens_and_closes);
    void *lib = load(path), *raise = dlsym(lib, "_Unwind_RaiseException");
    printf("caught %d\n", call(lib, "module_catches", 0));
    /* Who a library that comes now would be bound to. */
    printf("unwinder %s\n", raise && dladdr(raise, &unwinder) ? strrchr(unwinder.dli_fname, '/') : "none");
    raise = dlsym(RTLD_DEFAULT, "_Unwind_Backtrace");
    printf("global %s\n", raise && dladdr(raise, &unwinder) ? strrchr(unwinder.dli_fname, '/') : "none");
}

/* Two libraries of different frames at one address: a stack through the second must not be walked by the first one's rules. */
static void one_address(char **path)
{
    void *at[2] = {NULL, NULL};
    for (int i = 0; i < 200; i++) {
        void *lib = load(path[i & 1]);
        at[i & 1] = dlsym(lib, "module_opens");
        call(lib, "module_opens", 1);
        dlclose(lib);
    }
    printf("same address %d\n", at[0] == at[1]);
}

/* One thread is always inside the loader, with a socket opened under its lock; the others need the second tier all the time. */
static _Atomic int stop;
static void *captures(void *arg)
{
    for (int i = 0; !stop || i < 100; i++)
        odd_call(opens_and_closes);
    return arg;
}
static void loads(const char *path)
{
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        MUST(-pthread_create(&t[i], NULL, captures, NULL));
    for (int i = 0; i < 500; i++)
        dlclose(load(path));
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    say("done");
}

/* A child made at such a moment takes its own stack. */
static void forks(void)
{
    pthread_t t[2];
    int bad = 0;
    for (int i = 0; i < 2; i++)
        MUST(-pthread_create(&t[i], NULL, captures, NULL));
    for (int i = 0; i < 150; i++) {
        int status;
        pid_t child = (pid_t)MUST(fork());
        if (child == 0) {
            alarm(20);
            odd_call(opens_and_closes);
            _exit(7);
        }
        MUST(waitpid(child, &status, 0));
        bad += status != 7 << 8;
    }
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    printf("bad %d\n", bad);
}

int main(int argc, char **argv)
{
    const char *word = argc > 2 ? argv[1] : "";
    alarm(100);
    if (!strcmp(word, "throws"))
        throws(argv[2]);
    else if (!strcmp(word, "one_address"))
        one_address(argv + 2);
    else if (!strcmp(word, "forks"))
        forks();
    else if (!strcmp(word, "loads"))
        loads(argv[2]);
    return 0;
}
