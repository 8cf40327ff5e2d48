/* SPDX-License-Identifier: MIT */
/* after_close: calls on descriptors that were closed before, and what only looks so. `after_close WAY [wait]`. */
#include "victim.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../newer.h"

static int listener, peers[64], n_peers;

/* A connection; its peer stays open. */
static int dial(void)
{
    int fd = connect_loopback();
    peers[n_peers++] = (int)MUST(accept(listener, NULL, NULL));
    return fd;
}

static void session_free(int fd) { close(fd); }
static void session_end(int fd) { close(fd); }

/* ---- one after the other ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int step;

static void go(int to)
{
    pthread_mutex_lock(&mutex);
    step = to;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void await(int to)
{
    pthread_mutex_lock(&mutex);
    while (step < to)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void both(void *(*one)(void *), void *(*other)(void *))
{
    pthread_t a, b;
    MUST(pthread_create(&a, NULL, one, NULL));
    MUST(pthread_create(&b, NULL, other, NULL));
    MUST(pthread_join(a, NULL));
    MUST(pthread_join(b, NULL));
}

/* ---- the number is somebody else's by now ---- */

static char mode; /* what the victim does: n nothing, e epoll, p poll, r a file takes the number too */

static void *proxy(void *unused)
{
    int fd = dial();
    session_free(fd);
    go(1);
    await(2);
    session_end(fd);
    go(3);
    await(4);
    return unused;
}

static void *database(void *unused)
{
    await(1);
    int fd = dial(), ep = -1;
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    struct pollfd p = {fd, POLLIN, 0};
    if (mode == 'e') {
        ep = (int)MUST(epoll_create1(0));
        MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
    }
    go(2);
    await(3);
    if (mode == 'p')
        poll(&p, 1, 100);
    if (mode == 'e')
        epoll_wait(ep, &e, 1, 100);
    if (mode == 'r') {
        MUST(open("/dev/null", O_RDONLY));
        send(fd, "x", 1, 0);
    }
    if (mode == 'w')
        send(fd, "x", 1, 0);
    go(4);
    return unused;
}

static void another(void) { both(proxy, database); }

/* ---- EBADF ---- */

static void twice(void)
{
    int fd = dial();
    session_free(fd);
    session_end(fd);
}

static void receives(void)
{
    char c;
    int fd = dial();
    session_free(fd);
    for (int i = 0; i < 5; i++)
        if (read(fd, &c, 1) >= 0)
            _exit(98);
}

static void sends(void)
{
    int fd = dial();
    session_free(fd);
    if (send(fd, "x", 1, 0) >= 0)
        _exit(98);
}

static int shared;
static void *first_closes(void *unused)
{
    session_free(shared);
    go(1);
    return unused;
}
static void *second_closes(void *unused)
{
    await(1);
    session_end(shared);
    return unused;
}
static void threads(void)
{
    shared = dial();
    both(first_closes, second_closes);
}

/* ---- closed while a thread is inside recv ---- */

static volatile int receiver;

static void *receives_for_long(void *unused)
{
    char c;
    receiver = (int)syscall(SYS_gettid);
    go(1);
    if (recv(shared, &c, 1, 0) < 0)
        perror("recv");
    return unused;
}

/* Until it is inside the kernel's recvfrom. */
static void await_inside(void)
{
    char path[64], text[16] = "", want[16];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", receiver);
    snprintf(want, sizeof want, "%d ", (int)SYS_recvfrom);
    while (strncmp(text, want, strlen(want)) != 0) {
        FILE *f = fopen(path, "r");
        if (!f || !fgets(text, sizeof text, f))
            text[0] = 0;
        if (f)
            fclose(f);
        sched_yield();
    }
}

static void *closes_meanwhile(void *unused)
{
    await(1);
    await_inside();
    session_free(shared);
    usleep(400000); /* no call that returns at once after a close is known to have been under way */
    MUST(send(peers[0], "x", 1, 0));
    return unused;
}
static void blocked(void)
{
    shared = dial();
    both(receives_for_long, closes_meanwhile);
}

/* Its peer never says a word, so that it stays inside. */
static void inside(void)
{
    pthread_t t;
    shared = dial();
    MUST(pthread_create(&t, NULL, receives_for_long, NULL));
    await(1);
    await_inside();
    session_free(shared);
}

/* ---- what only looks so ---- */

/* All is closed before exec, as daemons do; another program follows. */
static void sweep(void)
{
    int fd = dial();
    session_free(fd);
    pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
        for (int i = 3; i < 1024; i++)
            close(i);
        execl("/bin/true", "true", (char *)NULL);
        _exit(97);
    }
    MUST(waitpid(child, NULL, 0));
    for (int i = 3; i < 1024; i++)
        close(i);
    for (int i = 1023; i >= 3; i--)
        close(i);
    close_range(3, 1023, 0);
    closefrom(3);
}

static void probes(void)
{
    struct stat st;
    int fd = dial(), error;
    socklen_t len = sizeof error;
    session_free(fd);
    if (fstat(fd, &st) >= 0 || fcntl(fd, F_GETFD) >= 0 || fcntl(fd, F_GETFL) >= 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) >= 0)
        _exit(98);
    close(-1);
    if (write(777, "x", 1) >= 0)
        _exit(98);
}

/* The number is a file's next; what is done with that is no socket's. */
static void file(void)
{
    char c;
    for (int i = 0; i < 2; i++) {
        int fd = dial();
        session_free(fd);
        if (MUST(open("/dev/null", O_RDWR)) != fd)
            _exit(98);
        MUST(read(fd, &c, 1));
        MUST(write(fd, "x", 1));
        MUST(close(fd));
        close(fd); /* of the file: who has closed that is not known */
    }
}

/* The fixed program: it forgets the number when it closes. */
static void fixed(void)
{
    for (int i = 0; i < 10; i++) {
        int fd = dial();
        MUST(send(fd, "x", 1, 0));
        session_free(fd);
        fd = -1;
        session_end(fd);
    }
}

/* Two numbers are free for whoever opens something next. */
static void two(void)
{
    int a = dial(), b = dial();
    session_free(a);
    session_free(b);
}

/* One thread opens, the other closes, as servers do; both have the same numbers again and again. */
static int queue[2];
static void *worker(void *unused)
{
    int fd;
    char c;
    for (int i = 0; i < 20; i++) {
        int own = dial(); /* a connection of its own, to a database */
        MUST(read(queue[0], &fd, sizeof fd));
        if (i % 3 && recv(fd, &c, 1, MSG_DONTWAIT) == 0)
            _exit(98);
        session_free(own);
        session_free(fd); /* some of them without a call on them */
        go(2 * i + 2);
    }
    return unused;
}
static void *acceptor(void *unused)
{
    for (int i = 0; i < 20; i++) {
        int fd = dial();
        MUST(write(queue[1], &fd, sizeof fd));
        await(2 * i + 2);
        session_free(peers[--n_peers]);
        session_free(peers[--n_peers]);
    }
    return unused;
}
static void handed(void)
{
    MUST(pipe(queue));
    both(worker, acceptor);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*does)(void);
    } all[] = {{"twice", twice}, {"receives", receives}, {"sends", sends}, {"threads", threads}, {"blocked", blocked}, {"inside", inside},
               {"sweep", sweep}, {"probes", probes},     {"file", file},   {"fixed", fixed},     {"handed", handed},   {"two", two}};
    if (argc < 2)
        return 2;
    listener = listen_loopback();
    if (strncmp(argv[1], "another_", 8) == 0) {
        mode = argv[1][8];
        another();
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(argv[1], all[i].name) == 0)
            all[i].does();
    if (argc > 2) { /* until it is ended */
        say("ready");
        wait_for_word();
    }
    return 0;
}
