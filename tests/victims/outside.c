/* SPDX-License-Identifier: MIT */
/*
 * outside.c: a program without a C library to preload into: it is watched from outside.
 *
 *   outside leak N [SECONDS]     N connections whose peer closes, and stays for SECONDS
 *   outside hidden N             as leak N, undumpable
 *   outside late N SECONDS       N connections whose peer closes after SECONDS, in the program's last moment
 *   outside relisten SECONDS     one connection accepted from each of two listeners, of which the second takes the first one's descriptor
 *   outside either N             N sockets from each of two functions in two threads, none connected
 *   outside threads N M          N threads that open M leaking connections each, half of them in either of two functions
 *   outside fork                 a connection that only a forked child still has
 *   outside exec PROGRAM ARG...  a connection that stays open over the exec
 *   outside handler              installs a handler without SA_RESTART
 *   outside churn SECONDS FILE   calls that must not fail, in threads and children; FILE gets "N calls, N failed"
 *   outside end N                ends with status N, or by signal -N
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in at = {.sin_family = AF_INET};

static int listens(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = 0;
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 128) || getsockname(fd, (struct sockaddr *)&at, &size))
        exit(90);
    return fd;
}

static int dials(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at))
        exit(91);
    return fd;
}

static int calls(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at))
        exit(92);
    return fd;
}

/* So that a signal does not end the sleep. */
static void stay(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

static void leak(int n, double seconds)
{
    int listener = listens();
    for (int i = 0; i < n; i++) {
        dials();
        close(accept(listener, NULL, NULL));
    }
    close(listener);
    puts("leaked");
    fflush(stdout);
    stay(seconds);
}

/* ---- two places ------------------------------------------------------------------------------ */

static pthread_barrier_t both;

static void *first(void *n)
{
    pthread_barrier_wait(&both);
    for (int i = 0; i < *(int *)n; i++)
        socket(AF_INET, SOCK_STREAM, 0);
    pthread_barrier_wait(&both);
    return NULL;
}

static void *second(void *n)
{
    pthread_barrier_wait(&both);
    for (int i = 0; i < *(int *)n; i++)
        socket(AF_INET, SOCK_STREAM, 0);
    pthread_barrier_wait(&both);
    return NULL;
}

static void either(int n)
{
    pthread_t a, b;
    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&a, NULL, first, &n);
    pthread_create(&b, NULL, second, &n);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
}

static void *leaks(void *n)
{
    for (int i = 0; i < *(int *)n; i++)
        i % 2 ? dials() : calls();
    return NULL;
}

static void threads(int n, int each)
{
    pthread_t t[64];
    int listener = listens();
    for (int i = 0; i < n; i++)
        pthread_create(&t[i], NULL, leaks, &each);
    for (int i = 0; i < n * each; i++)
        close(accept(listener, NULL, NULL));
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    close(listener);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void forks(void)
{
    int listener = listens(), fd = dials(), peer = accept(listener, NULL, NULL), go[2];
    if (pipe(go))
        exit(93);
    if (fork() == 0) {
        char byte;
        close(peer);
        close(listener);
        close(go[1]);
        stay(3); /* two looks: the parent has closed its copy by then */
        while (read(go[0], &byte, 1) > 0)
            ;
        exit(0);
    }
    close(fd);
    close(go[0]);
    close(peer);
    close(listener);
    stay(3);
    close(go[1]);
    wait(NULL);
}

static void executes(char **argv)
{
    int listener = listens(), fd = dials();
    close(accept(listener, NULL, NULL));
    fcntl(fd, F_SETFD, 0);
    execv(argv[0], argv);
    exit(94);
}

/* ---- calls that must not fail ---------------------------------------------------------------- */

static _Atomic unsigned long made, failed;
static _Atomic int over;

static int good(int r, const char *what)
{
    made++;
    if (r < 0) {
        failed++;
        fprintf(stderr, "outside: %s: %s\n", what, strerror(errno));
    }
    return r;
}

static void *opens(void *arg)
{
    while (!over) {
        int fd = good(socket(AF_INET, SOCK_STREAM, 0), "socket"), copy = good(dup(fd), "dup");
        int other = good(fcntl(fd, F_DUPFD_CLOEXEC, 100), "fcntl");
        good(connect(fd, (struct sockaddr *)&at, sizeof at), "connect");
        close(fd);
        close(copy);
        close(other);
    }
    return arg;
}

static void *accepts(void *listener)
{
    while (!over) {
        struct pollfd p = {*(int *)listener, POLLIN, 0};
        if (poll(&p, 1, 100) > 0)
            close(good(accept4(*(int *)listener, NULL, NULL, SOCK_CLOEXEC), "accept4"));
    }
    return listener;
}

static void *starts(void *arg)
{
    while (!over) {
        int status = 0;
        pid_t child = good(fork(), "fork");
        if (child == 0)
            execl("/proc/self/exe", "outside", "end", "3", (char *)NULL);
        waitpid(child, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 3) {
            failed++;
            fprintf(stderr, "outside: a child ended with %x\n", (unsigned)status);
        }
    }
    return arg;
}

static void ticks(int n) { (void)n; }

static void churn(double seconds, const char *file)
{
    pthread_t t[4];
    int listener = listens();
    struct sigaction tick = {.sa_handler = ticks, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &tick, NULL);
    signal(SIGPIPE, SIG_IGN);
    pthread_create(&t[0], NULL, opens, NULL);
    pthread_create(&t[1], NULL, opens, NULL);
    pthread_create(&t[2], NULL, accepts, &listener);
    pthread_create(&t[3], NULL, starts, NULL);
    puts("churns");
    fflush(stdout);
    stay(seconds);
    over = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    FILE *f = fopen(file, "w");
    fprintf(f, "%lu calls, %lu failed\n", made, failed);
    fclose(f);
}

static void late(int n, double seconds)
{
    int listener = listens(), *peers = calloc((size_t)n, sizeof *peers);
    for (int i = 0; i < n; i++) {
        dials();
        peers[i] = accept(listener, NULL, NULL);
    }
    stay(seconds);
    for (int i = 0; i < n; i++)
        close(peers[i]);
}

static int accepts_first(int listener) { return accept(listener, NULL, NULL); }
static int accepts_second(int listener) { return accept(listener, NULL, NULL); }

static void relisten(double seconds)
{
    int listener = listens();
    int to = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(to, (struct sockaddr *)&at, sizeof at) || accepts_first(listener) < 0)
        exit(93);
    close(to);
    stay(seconds); /* a look sees it */
    close(listener);
    if (listens() != listener)
        exit(94);
    to = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(to, (struct sockaddr *)&at, sizeof at) || accepts_second(listener) < 0)
        exit(95);
    close(to);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "leak") == 0)
        leak(atoi(argv[2]), argc > 3 ? atof(argv[3]) : 0);
    else if (strcmp(what, "hidden") == 0 && prctl(PR_SET_DUMPABLE, 0) == 0)
        leak(atoi(argv[2]), 0);
    else if (strcmp(what, "late") == 0)
        late(atoi(argv[2]), atof(argv[3]));
    else if (strcmp(what, "relisten") == 0)
        relisten(atof(argv[2]));
    else if (strcmp(what, "either") == 0)
        either(atoi(argv[2]));
    else if (strcmp(what, "threads") == 0)
        threads(atoi(argv[2]), atoi(argv[3]));
    else if (strcmp(what, "fork") == 0)
        forks();
    else if (strcmp(what, "exec") == 0)
        executes(argv + 2);
    else if (strcmp(what, "handler") == 0)
        sigaction(SIGUSR1, &(struct sigaction){.sa_handler = ticks}, NULL);
    else if (strcmp(what, "churn") == 0)
        churn(atof(argv[2]), argv[3]);
    else if (strcmp(what, "end") == 0 && argv[2][0] == '-')
        kill(getpid(), atoi(argv[2] + 1));
    else
        return what[0] ? atoi(argv[2]) : 2;
    return 0;
}
