/* SPDX-License-Identifier: MIT */
/*
 * stress_churn.c: threads that open, duplicate, pass, close and fork at random; now and then all stand still and the agent's table is held against
 * /proc/self/fd: the same descriptors, each with the thread and the function that opened it.
 *
 * usage: stress_churn SECONDS THREADS [SEED]. Prints what was done; ends with 0 when nothing differed, else with 1.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sockleak.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "victim.h"

#define MAX_FD 8192
#define MAX_HELD 24

/* What the table should say of a descriptor: written by who made it, before anybody else can know of it. */
static struct {
    const char *function;
    int tid;
} made[MAX_FD];

static int listener, channel[2];
static atomic_bool stop, finish;
static atomic_ulong operations;
static pthread_barrier_t still, go;

struct self {
    unsigned seed;
    int tid, n, held[MAX_HELD];
};

static void keep(struct self *s, int fd, const char *function)
{
    if (fd < 0 || fd >= MAX_FD)
        return;
    made[fd].function = function;
    made[fd].tid = s->tid;
    if (s->n < MAX_HELD)
        s->held[s->n++] = fd;
    else
        close(fd);
}

static void connects(struct self *s)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address);
    keep(s, fd, __func__);
}
static void accepts(struct self *s) { keep(s, accept4(listener, NULL, NULL, SOCK_CLOEXEC), __func__); }
static void pairs(struct self *s)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
        return;
    keep(s, fd[0], __func__);
    keep(s, fd[1], __func__);
}
static void datagrams(struct self *s) { keep(s, socket(AF_INET, SOCK_DGRAM, 0), __func__); }
static void receives(struct self *s)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(channel[1], &m, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&m)) {
        int fd;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
        keep(s, fd, __func__);
    }
}

static int any(struct self *s) { return s->held[(unsigned)rand_r(&s->seed) % (unsigned)s->n]; }
static void sends(int fd)
{
    char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    sendmsg(channel[0], &m, MSG_DONTWAIT);
}
/* A duplicate carries its original's stack. */
static void duplicates(struct self *s)
{
    int from = any(s), fd = rand_r(&s->seed) & 1 ? dup(from) : fcntl(from, F_DUPFD_CLOEXEC, 64);
    int tid = s->tid;
    if (fd < 0 || fd >= MAX_FD)
        return;
    s->tid = made[from].tid;
    keep(s, fd, made[from].function);
    s->tid = tid;
}
static void replaces(struct self *s)
{
    int from = any(s), to = any(s);
    if (from != to && dup2(from, to) == to)
        made[to] = made[from];
}
static void closes(struct self *s)
{
    int i = (int)((unsigned)rand_r(&s->seed) % (unsigned)s->n), fd = s->held[i];
    s->held[i] = s->held[--s->n];
    if (rand_r(&s->seed) % 3)
        close(fd);
    else
        syscall(SYS_close, fd);
}
static void forks(struct self *s)
{
    int inherited = any(s);
    pid_t child = fork();
    if (child == 0) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        close(inherited);
        dup2(fd, inherited);
        close(fd);
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void *work(void *arg)
{
    struct self *s = arg;
    s->tid = (int)syscall(SYS_gettid);
    for (;;) {
        while (!atomic_load(&stop)) {
            unsigned dice = (unsigned)rand_r(&s->seed) % 1000;
            atomic_fetch_add(&operations, 1);
            if (dice < 100) /* fewer than are accepted: a full queue would hold a connect for two minutes */
                connects(s);
            else if (dice < 220)
                accepts(s);
            else if (dice < 300)
                pairs(s);
            else if (dice < 340)
                datagrams(s);
            else if (dice < 440)
                receives(s);
            else if (!s->n)
                continue;
            else if (dice < 540)
                sends(any(s));
            else if (dice < 620)
                duplicates(s);
            else if (dice < 660)
                replaces(s);
            else if (dice < 670)
                shutdown(any(s), dice & 1 ? SHUT_WR : SHUT_RDWR);
            else if (dice < 673)
                forks(s);
            else
                closes(s);
        }
        pthread_barrier_wait(&still);
        pthread_barrier_wait(&go);
        if (atomic_load(&finish))
            return NULL;
    }
}

static bool shown[MAX_FD];
static unsigned wrong;

static void complain(int fd, const char *what, const char *is, const char *should)
{
    if (wrong++ < 10)
        fprintf(stderr, "fd %d: %s: %s, not %s\n", fd, what, is, should);
}

static int see(const struct sockleak_finding *f, void *arg)
{
    (void)arg;
    if (f->fd < 0 || f->fd >= MAX_FD)
        return 0;
    if (shown[f->fd])
        complain(f->fd, "shown", "twice", "once");
    shown[f->fd] = true;
    if (!made[f->fd].function)
        return 0;
    const char *is = f->n_frames && f->frames[0].symbol ? f->frames[0].symbol : "?";
    bool there = false; /* not always first: a sanitizer has a frame of its own before it */
    for (size_t i = 0; i < f->n_frames; i++)
        there |= f->frames[i].symbol && !strcmp(f->frames[i].symbol, made[f->fd].function);
    if (!there)
        complain(f->fd, "opened by", is, made[f->fd].function);
    if (f->tid != made[f->fd].tid) {
        char a[16], b[16];
        snprintf(a, sizeof a, "%d", f->tid);
        snprintf(b, sizeof b, "%d", made[f->fd].tid);
        complain(f->fd, "thread", a, b);
    }
    return 0;
}

/* The inode of the socket behind a descriptor; 0: no socket. */
static unsigned long inode_of(int fd)
{
    char path[32], link[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, link, sizeof link - 1) > 8 && !memcmp(link, "socket:[", 8) ? strtoul(link + 8, NULL, 10) : 0;
}

static void missing(int fd)
{
    char text[96];
    int type = 0, domain = 0, accepting = 0, error = 0;
    struct tcp_info info = {0};
    socklen_t four = sizeof type, len = sizeof info;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &four);
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &four);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &four);
    error = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    snprintf(text, sizeof text, "nothing (inode %lu, domain %d, type %d, listens %d, TCP state %d)", inode_of(fd), domain, type, accepting,
             error ? -1 : info.tcpi_state);
    complain(fd, made[fd].function ? made[fd].function : "?", text, "as /proc");
}

/* Every socket of /proc is shown, under one of its descriptors, and nothing else is. Returns how many are not. */
static unsigned differences(bool say_them)
{
    static unsigned long inode[MAX_FD], told[MAX_FD];
    unsigned n = 0, bad = 0;
    memset(shown, 0, sizeof shown);
    if (sockleak_each(0, SOCKLEAK_ALL, see, NULL) < 0)
        return 0; /* bare */
    for (int fd = 0; fd < MAX_FD; fd++) {
        inode[fd] = inode_of(fd);
        if (shown[fd])
            told[n++] = inode[fd];
        if (shown[fd] && !inode[fd] && ++bad && say_them)
            complain(fd, "the table says a socket", "/proc says none", "a socket");
    }
    for (int fd = 0; fd < MAX_FD; fd++) {
        bool found = !inode[fd];
        for (unsigned i = 0; i < n && !found; i++)
            found = told[i] == inode[fd];
        if (!found && ++bad && say_them)
            missing(fd);
    }
    return bad;
}

/* The kernel still moves connections from one state to the next while the threads stand still; what it moves at the moment of a look is shown by none. */
static void compare(void)
{
    for (int tries = 0; tries < 20 && differences(tries == 19); tries++)
        usleep(50000);
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 2, threads = argc > 2 ? atoi(argv[2]) : 32;
    unsigned seed = argc > 3 ? (unsigned)atoi(argv[3]) : (unsigned)time(NULL);
    pthread_t thread[64];
    static struct self self[64];
    unsigned rounds = 0;
    listener = listen_loopback();
    fcntl(listener, F_SETFL, O_NONBLOCK);
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, channel));
    if (threads > 64)
        threads = 64;
    pthread_barrier_init(&still, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&go, NULL, (unsigned)threads + 1);
    printf("seed %u\n", seed);
    say("running");
    for (int i = 0; i < threads; i++) {
        self[i].seed = seed * 64 + (unsigned)i;
        MUST(-pthread_create(&thread[i], NULL, work, &self[i]));
    }
    time_t end = time(NULL) + seconds;
    do {
        usleep(300000);
        atomic_store(&stop, true);
        pthread_barrier_wait(&still);
        compare();
        rounds++;
        atomic_store(&finish, time(NULL) >= end);
        atomic_store(&stop, false);
        pthread_barrier_wait(&go);
    } while (!atomic_load(&finish));
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("rounds %u operations %lu wrong %u\n", rounds, atomic_load(&operations), wrong);
    return wrong != 0;
}
