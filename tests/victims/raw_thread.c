/* SPDX-License-Identifier: MIT */
/*
 * raw_thread.c: programs for which it matters whether libc knows a second thread.
 *
 *   raw_thread alone        says what libc thinks while the watcher looks and has reported
 *   raw_thread exit         the only thread calls pthread_exit: its exit handlers say so
 *   raw_thread last         the first thread calls pthread_exit, another one ends later: the same
 *   raw_thread forks N      N children one after the other, each with a leak and a watcher of its own
 *   raw_thread loads N OBJ  loads and unloads OBJ N times while the watcher reports
 *   raw_thread waits        says so, and waits for its end
 *   raw_thread libc_again   after a report of the watcher: a thread of its own, stdio and malloc from both
 */
#include "victim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

extern char __libc_single_threaded __attribute__((weak)); /* glibc 2.32 and later */
#define SINGLE_THREADED(otherwise) (&__libc_single_threaded ? __libc_single_threaded : (otherwise))

static int has_watcher(void)
{
    DIR *dir = opendir("/proc/self/task");
    int found = 0;
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        char path[300], name[16] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        FILE *f = fopen(path, "re");
        if (f && fgets(name, sizeof name, f))
            found |= strcmp(name, "sockleak\n") == 0;
        if (f)
            fclose(f);
    }
    closedir(dir);
    return found;
}

static void leak(void)
{
    int listener = listen_loopback(), fd = connect_loopback();
    char c;
    close(accept(listener, NULL, NULL));
    MUST(recv(fd, &c, 1, 0));
}

static void leak_and_await(void)
{
    leak();
    for (int i = 0; i < 2000 && !has_watcher(); i++)
        usleep(10000);
    if (!has_watcher())
        say("NO WATCHER");
}

static void handler(void) { say("exit handler"); }

static void *sleep_a_little(void *arg)
{
    usleep(300000);
    return arg;
}

static void *allocate(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        char *p = malloc((size_t)(i % 500) + 1);
        fprintf(arg, "%d\n", i);
        free(p);
    }
    return NULL;
}

static void use_libc_again(void)
{
    pthread_t t;
    FILE *null = fopen("/dev/null", "we");
    pthread_create(&t, NULL, allocate, null);
    allocate(null);
    pthread_join(t, NULL);
    say(SINGLE_THREADED(0) ? "WRONG: libc thinks that it is alone" : "libc knows two threads");
}

static void forks(int n)
{
    int good = 0;
    for (int i = 0; i < n; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            leak_and_await();
            exit(SINGLE_THREADED(1) == 1 ? 0 : 1);
        }
        good += waitpid(pid, &status, 0) == pid && status == 0;
    }
    printf("%d of %d children\n", good, n);
}

static void loads(int n, const char *path)
{
    int good = 0;
    for (int i = 0; i < n; i++) {
        void *handle = dlopen(path, RTLD_NOW);
        good += handle && dlclose(handle) == 0;
        if (i % 100 == 0)
            leak();
    }
    printf("%d of %d loads\n", good, n);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "forks") == 0) {
        forks(atoi(argv[2]));
        return 0;
    }
    if (strcmp(what, "waits") == 0) {
        say("waits");
        sleep(600);
        return 0;
    }
    leak_and_await();
    if (strcmp(what, "loads") == 0) {
        loads(atoi(argv[2]), argv[3]);
    } else if (strcmp(what, "alone") == 0) {
        usleep(600000);
        say(SINGLE_THREADED(1) == 1 ? "libc thinks that it is alone" : "libc knows a second thread");
    } else if (strcmp(what, "libc_again") == 0) {
        use_libc_again();
    } else {
        pthread_t t;
        atexit(handler);
        if (strcmp(what, "last") == 0)
            pthread_create(&t, NULL, sleep_a_little, NULL);
        pthread_exit(NULL);
    }
    return 0;
}
