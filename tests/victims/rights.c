/* SPDX-License-Identifier: MIT */
/*
 * rights.c: gives up rights, and takes some back, by each call that changes the calling thread alone; after each it compares all threads of the
 * process with the calling one.
 *
 *   rights name|syscall [STEP]   the calls by libc's names, or by syscall(2); each step of the list, or one alone; one line each:
 *                                "STEP: same", "STEP: late" (not at once, but within seconds), or what differs
 *   rights threads|vfork|handler|fork    where the calling thread is not an ordinary one
 *   rights landlock [not]        waits for a word, after which it may make no file any more, and has a leak; and for another
 *   rights toggles N             what N pairs of syscall(SYS_setresuid) cost, in ns for a call
 */
#include "victim.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define USER 12345
#define CAP CAP_NET_BIND_SERVICE
extern int capset(void *header, const void *data);

static int by_number;

/* ---- what the threads have ---- */

static const char *const fields[] = {"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"};
#define FIELDS (sizeof fields / sizeof fields[0])
struct rights {
    char line[FIELDS][256], name[32];
};

static int read_rights(struct rights *r, const char *thread)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *f = fopen(path, "re");
    memset(r, 0, sizeof *r);
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "Name:\t", 6) == 0)
            snprintf(r->name, sizeof r->name, "%.*s", (int)strcspn(line + 6, "\n"), line + 6);
        for (size_t i = 0; i < FIELDS; i++)
            if (strncmp(line, fields[i], strlen(fields[i])) == 0)
                snprintf(r->line[i], sizeof r->line[i], "%.255s", line);
    }
    fclose(f);
    return r->line[FIELDS - 1][0] != 0;
}

/* Says into WHAT how a thread differs from the calling one, or that there is no watcher. */
static int is_same(char *what, size_t size)
{
    struct rights mine, other;
    char me[16];
    int watchers = 0, same = 1;
    snprintf(me, sizeof me, "%d", gettid());
    MUST(read_rights(&mine, me) - 1);
    DIR *dir = opendir("/proc/self/task");
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || !read_rights(&other, e->d_name))
            continue;
        watchers += strcmp(other.name, "sockleak") == 0;
        for (size_t i = 0; i < FIELDS; i++)
            if (strcmp(mine.line[i], other.line[i]) != 0) {
                snprintf(what, size, "DIFFERENT: %s has %.*s", other.name, (int)strcspn(other.line[i], "\n"), other.line[i]);
                same = 0;
            }
    }
    closedir(dir);
    if (same && !watchers)
        snprintf(what, size, "WATCHER GONE");
    return same && watchers;
}

static void compare(const char *step)
{
    char what[400] = "", line[500];
    int same = is_same(what, sizeof what), late = 0;
    for (; !same && late < 500; late++) {
        usleep(10000);
        same = is_same(what, sizeof what);
    }
    snprintf(line, sizeof line, "%s: %s", step, !same ? what : late ? "late" : "same");
    say(line);
}

static void await_watcher(void)
{
    char what[400];
    for (int i = 0; i < 2000 && !is_same(what, sizeof what); i++)
        usleep(10000);
}

/* ---- the calls ---- */

#define BY(name, ...) MUST(by_number ? syscall(SYS_##name, __VA_ARGS__) : name(__VA_ARGS__))
#define PRCTL(...) MUST(by_number ? syscall(SYS_prctl, __VA_ARGS__) : prctl(__VA_ARGS__))

static void capabilities(int effective, int inheritable, int as)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, as};
    struct __user_cap_data_struct d[2];
    MUST(syscall(SYS_capget, &h, d));
    d[0].effective = effective ? d[0].permitted : 0;
    d[1].effective = effective ? d[1].permitted : 0;
    d[0].inheritable = inheritable ? 1u << CAP : 0;
    BY(capset, &h, d);
}

static void capset_lower(void) { capabilities(0, 0, 0); }
static void capset_raise(void) { capabilities(1, 1, gettid()); } /* names itself by its number */
static void ambient_raise(void) { PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP, 0, 0); }
static void ambient_lower(void) { PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP, 0, 0); }
static void ambient_clear(void) { PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); }
static void fsgid_give(void) { BY(setfsgid, USER); }
static void fsuid_give(void) { BY(setfsuid, USER); } /* and with it some capabilities */
static void fsuid_back(void) { BY(setfsuid, 0); }
static void fsgid_back(void) { BY(setfsgid, 0); }
static void bounding_drop(void) { PRCTL(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0); }
static void groups(void)
{
    gid_t list[] = {7, 8, 9};
    BY(setgroups, 3, list);
}
/* By libc's other names; by their numbers they are the same calls. */
static void effective_too(void)
{
    MUST(by_number ? syscall(SYS_setresgid, -1, USER, -1) : setegid(USER));
    MUST(by_number ? syscall(SYS_setresuid, -1, USER, -1) : seteuid(USER));
}
static void groups_of_user(void)
{
    gid_t list[] = {5, 6};
    MUST(by_number ? syscall(SYS_setgroups, 2, list) : initgroups("nobody", 5));
}
static void effective_give(void)
{
    BY(setresgid, -1, USER, -1);
    BY(setresuid, -1, USER, -1);
}
static void effective_back(void)
{
    BY(setresuid, -1, 0, -1);
    BY(setresgid, -1, 0, -1);
}
static void real_give(void)
{
    BY(setregid, USER, -1);
    BY(setreuid, USER, -1);
}
static void secure_bits(void) { PRCTL(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0); }
static void unfixed_give(void) { BY(setresuid, -1, USER, -1); } /* keeps all capabilities, by the bit */
static void unfixed_back(void)
{
    BY(setresuid, -1, 0, -1);
    PRCTL(PR_SET_SECUREBITS, 0, 0, 0, 0);
}
static void keep_give(void) /* as a daemon that keeps a capability does */
{
    PRCTL(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    BY(setgid, USER);
    BY(setuid, USER);
}
static void keep_few(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{1u << CAP, 1u << CAP, 0}, {0, 0, 0}};
    BY(capset, &h, d);
    PRCTL(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}
static void no_new_privileges(void) { PRCTL(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

static const struct {
    const char *name;
    void (*run)(void);
} steps[] = {
    {"fsgid-give", fsgid_give},
    {"fsuid-give", fsuid_give},
    {"fsuid-back", fsuid_back},
    {"fsgid-back", fsgid_back},
    {"capset-lower", capset_lower},
    {"capset-raise", capset_raise},
    {"ambient-raise", ambient_raise},
    {"ambient-lower", ambient_lower},
    {"ambient-raise", ambient_raise},
    {"ambient-clear", ambient_clear},
    {"bounding-drop", bounding_drop},
    {"groups", groups},
    {"groups-of-user", groups_of_user},
    {"effective-too", effective_too},
    {"effective-back", effective_back},
    {"effective-give", effective_give},
    {"effective-back", effective_back},
    {"secure-bits", secure_bits},
    {"unfixed-give", unfixed_give},
    {"unfixed-back", unfixed_back},
    {"real-give", real_give},
    {"keep-give", keep_give},
    {"keep-few", keep_few},
    {"no-new-privileges", no_new_privileges},
};

static void all_steps(const char *only)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (!only || strcmp(only, steps[i].name) == 0) {
            steps[i].run();
            compare(steps[i].name);
        }
}

/* ---- callers of another kind ---- */

static const char *watchers_user(void)
{
    static struct rights r;
    DIR *dir = opendir("/proc/self/task");
    static char said[256];
    snprintf(said, sizeof said, "the watcher: none");
    for (const struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.' && read_rights(&r, e->d_name) && strcmp(r.name, "sockleak") == 0)
            snprintf(said, sizeof said, "the watcher: %.*s", (int)strcspn(r.line[0], "\n"), r.line[0]);
    closedir(dir);
    return said;
}

static void *worker(void *arg)
{
    (void)arg;
    MUST(syscall(SYS_setresuid, 1000, 1000, 1000));
    say(watchers_user());
    return NULL;
}

/* The watcher follows the one that called last. */
static void threads(void)
{
    pthread_t t;
    pthread_create(&t, NULL, worker, NULL);
    pthread_join(t, NULL);
    MUST(syscall(SYS_setresuid, -1, 2000, -1)); /* which the watcher may not do any more */
    compare("after the other thread");
}

/* Its rights are its own. */
static void vforked(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        syscall(SYS_setresuid, 1000, 1000, 1000);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    compare("after a vfork child");
}

static void handle(int signal)
{
    (void)signal;
    by_number = 1;
    capset_lower();
}

static void in_handler(void)
{
    struct sigaction act = {.sa_handler = handle};
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    compare("in a handler");
}

static void forked(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        capset_lower(); /* there is no watcher yet */
        MUST(connect_loopback());
        await_watcher();
        compare("a child, before its watcher");
        capset_raise();
        compare("a child");
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    compare("its parent");
}

static void landlock(int restricted, int client)
{
    struct {
        uint64_t files;
    } made = {1u << 8}; /* LANDLOCK_ACCESS_FS_MAKE_REG */
    wait_for_word();
    if (restricted) {
        int fd = (int)MUST(syscall(444, &made, sizeof made, 0));
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        MUST(syscall(446, fd, 0));
        MUST(close(fd));
    }
    MUST(close(client)); /* the other end is a leak from here on */
    say("restricted");
    wait_for_word();
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void toggles(long n)
{
    uint64_t begin = now_ns();
    for (long i = 0; i < n; i++) {
        MUST(syscall(SYS_setresuid, -1, USER, -1));
        MUST(syscall(SYS_setresuid, -1, 0, -1));
    }
    printf("%.0f\n", (double)(now_ns() - begin) / (double)n / 2);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int listener = listen_loopback();
    int client = connect_loopback();
    MUST(accept(listener, NULL, NULL));
    by_number = strcmp(what, "syscall") == 0;
    if (strcmp(what, "landlock") == 0) {
        landlock(argc == 2, client);
        return 0;
    }
    if (strcmp(what, "toggles") == 0) {
        usleep(300000);
        toggles(atol(argv[2]));
        return 0;
    }
    await_watcher();
    if (by_number || strcmp(what, "name") == 0)
        all_steps(argc > 2 ? argv[2] : NULL);
    else if (strcmp(what, "threads") == 0)
        threads();
    else if (strcmp(what, "vfork") == 0)
        vforked();
    else if (strcmp(what, "handler") == 0)
        in_handler();
    else if (strcmp(what, "fork") == 0)
        forked();
    return 0;
}
