/* SPDX-License-Identifier: MIT */
/* processes WORD: one stuck connection beside forks, execs, endings, signals and limits. Prints what a test compares. */
#include "victim.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../newer.h"

static int listener;

/* A connection that the peer has closed and this process has not. */
static int stuck(void)
{
    int client = connect_loopback(), server = (int)MUST(accept(listener, NULL, NULL));
    MUST(close(server));
    return client;
}

static void never(void)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connect((int)MUST(socket(AF_INET, SOCK_STREAM, 0)), (struct sockaddr *)&nobody, sizeof nobody);
}

static int status_of(pid_t child)
{
    int status;
    MUST(waitpid(child, &status, 0));
    return status;
}

static void vfork_child(int fd)
{
    pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): the subject */
    if (child == 0) {      /* NOLINTBEGIN(clang-analyzer-unix.Vfork): what real programs do there */
        close(fd);
        dup2(listener, fd);
        close_range(3, ~0u, 0);
        execl("/bin/true", "true", (char *)NULL);
        _exit(97);
    } /* NOLINTEND(clang-analyzer-unix.Vfork) */
    printf("child %d\n", status_of((pid_t)MUST(child)));
}

static _Atomic int stop;
static void *open_and_close(void *arg)
{
    while (!stop)
        close(socket(AF_INET, SOCK_STREAM, 0));
    return arg;
}

/* Children of a program whose other threads are always in the middle of something. */
static void forks_beside_threads(void)
{
    pthread_t t[3];
    int bad = 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, open_and_close, NULL);
    for (int i = 0; i < 200; i++) {
        pid_t child = (pid_t)MUST(fork());
        if (child == 0) {
            alarm(20); /* one that hangs ends with a signal */
            close(socket(AF_INET, SOCK_STREAM, 0));
            _exit(7);
        }
        bad += status_of(child) != 7 << 8;
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    printf("bad %d\n", bad);
}

static void child_of(const char *word)
{
    pid_t child = (pid_t)MUST(!strcmp(word, "clone")   ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)
                              : !strcmp(word, "_Fork") ? _Fork()
                                                       : fork());
    if (child == 0) {
        never();
        exit(0);
    }
    printf("child %d\n", status_of(child));
}

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 3; /* ".", ".." and its own */
}

static volatile sig_atomic_t children;
static void count(int sig)
{
    (void)sig;
    children++;
}

/* A program that takes its signals by sigwait, and one that counts its children, get every one of them and nobody else's. */
static void signals(void)
{
    sigset_t set;
    int got = 0, sig;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGALRM);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    for (int i = 0; i < 2000; i++) {
        kill(getpid(), i % 2 ? SIGUSR1 : SIGALRM);
        sigwait(&set, &sig);
        got += sig == (i % 2 ? SIGUSR1 : SIGALRM);
    }
    signal(SIGCHLD, count);
    for (int i = 0; i < 10; i++) {
        pid_t child = (pid_t)MUST(fork());
        if (child == 0)
            _exit(0);
        while (waitpid(child, &sig, 0) < 0)
            ;
    }
    printf("signals %d children %d left %d\n", got, (int)children, waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    struct rlimit limit;
    if (!strcmp(word, "after-exec")) {
        char c;
        if (argc > 2)
            MUST(recv(atoi(argv[2]), &c, 1, 0));
        never();
        return 0;
    }
    listener = listen_loopback();
    int fd = stuck();
    if (!strcmp(word, "vfork")) {
        vfork_child(fd);
    } else if (!strcmp(word, "threads")) {
        forks_beside_threads();
    } else if (!strcmp(word, "fork") || !strcmp(word, "_Fork") || !strcmp(word, "clone")) {
        child_of(word);
    } else if (!strcmp(word, "quiet-child")) {
        pid_t child = fork();
        if (child == 0)
            exit(0);
        printf("child %d\n", status_of(child));
    } else if (!strcmp(word, "exec") || !strcmp(word, "exec-use")) {
        char number[12];
        snprintf(number, sizeof number, "%d", fd);
        execl("/proc/self/exe", "processes", "after-exec", word[4] ? number : (char *)NULL, (char *)NULL);
        return 96;
    } else if (!strcmp(word, "_exit")) {
        _exit(5);
    } else if (!strcmp(word, "quick_exit")) {
        quick_exit(5);
    } else if (!strcmp(word, "abort")) {
        abort();
    } else if (!strcmp(word, "term")) {
        raise(SIGTERM);
    } else if (!strcmp(word, "close-all")) {
        closefrom(3);
        printf("open %d\n", open_descriptors());
        printf("next %ld\n", MUST(socket(AF_INET, SOCK_STREAM, 0)));
        for (int i = 3; i < 1024; i++)
            close(i);
        printf("open %d\n", open_descriptors());
    } else if (!strcmp(word, "stderr-is-socket")) {
        int ends[2];
        char c;
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
        MUST(dup2(ends[0], 2));
        close(ends[0]);
        if (MUST(fork()) == 0) {
            close(2);
            printf("bytes %zd\n", recv(ends[1], &c, 1, 0));
            fflush(stdout);
            _exit(0);
        }
        close(ends[1]);
    } else if (!strcmp(word, "chroot")) {
        MUST(chroot(argv[2]));
        MUST(chdir("/"));
        MUST(setgid(65534));
        MUST(setuid(65534));
        never();
    } else if (!strcmp(word, "limits")) {
        MUST(getrlimit(RLIMIT_NOFILE, &limit));
        rlim_t soft = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        MUST(setrlimit(RLIMIT_NOFILE, &limit));
        int high = (int)MUST(dup2(fd, (int)limit.rlim_max - 1));
        close(fd);
        limit.rlim_cur = soft < 64 ? soft : 64;
        MUST(setrlimit(RLIMIT_NOFILE, &limit));
        printf("fd %d\n", high);
    } else if (!strcmp(word, "signals")) {
        signals();
    } else if (!strcmp(word, "unshare")) {
        printf("unshare %d\n", unshare(CLONE_NEWUSER) ? errno : 0);
    }
    return 0;
}
