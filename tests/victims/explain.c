/* SPDX-License-Identifier: MIT */
/*
 * explain: connections whose peer has closed, and what has their numbers. `explain WAY`, which then waits for a signal.
 */
#include "victim.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#define N 5

static int listener;

static int drop(int fd) { return (int)send(fd, "x", 1, MSG_NOSIGNAL); }
static int fetch(int fd)
{
    char c;
    return (int)recv(fd, &c, 1, 0);
}

struct operations {
    int (*fetch)(int);
    int (*drop)(int);
    const char *name;
};
const struct operations tcp_operations = {fetch, drop, "tcp"};

struct connection {
    const struct operations *operations;
    long served;
    int fd, flags;
    char buffer[400];
    int (*done)(int);
    struct connection *next;
};
struct connection *all;
volatile char sum;
static pthread_barrier_t started;

/* A connection whose peer has closed. */
__attribute__((noinline)) static int dial(void)
{
    int fd = connect_loopback();
    MUST(close((int)MUST(accept(listener, NULL, NULL))));
    return fd;
}

/* Numbers from here on are those of descriptors alone, not of anything else in a small program. */
static void high_numbers(void)
{
    for (int i = 0; i < 777; i++)
        MUST(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void fill(struct connection *c)
{
    c->operations = &tcp_operations;
    c->done = drop;
    c->fd = dial();
    c->next = all;
    all = c;
    tcp_operations.fetch(c->fd);
}

static void objects(void)
{
    for (int i = 0; i < N; i++)
        fill(calloc(1, sizeof(struct connection)));
}

/* Objects without a pointer into the program. */
struct plain {
    struct plain *next;
    long served;
    int fd;
    char rest[76];
};
static struct plain *plain_ones;
static void plain(void)
{
    for (int i = 0; i < N; i++) {
        struct plain *p = calloc(1, sizeof *p);
        p->next = plain_ones;
        plain_ones = p;
        p->fd = dial();
        fetch(p->fd);
    }
}

/* An allocator of its own: objects of one size in mapped memory. */
static void slabs(void)
{
    size_t size = (sizeof(struct connection) + 63) & ~(size_t)63;
    char *slab = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < N; i++)
        fill((struct connection *)(slab + 4096 + (size_t)i * size));
}

/* The numbers are nowhere but in registers and what is left of a stack. */
__attribute__((noinline)) static void forget(void)
{
    for (int i = 0; i < N; i++)
        fetch(dial());
}
__attribute__((noinline)) static void clean_stack(void)
{
    volatile char below[65536];
    memset((void *)below, 1, sizeof below);
    sum = below[100];
}
static void lost(void)
{
    high_numbers();
    forget();
    clean_stack();
}

/* Their objects were freed, which left the numbers in them. */
static void freed(void)
{
    high_numbers();
    objects();
    while (all) {
        struct connection *c = all;
        all = c->next;
        free(c);
    }
    clean_stack();
}

/* The others of the site are held, these are forgotten. */
static void some(void)
{
    high_numbers();
    for (int i = 0; i < N; i++) {
        struct connection *c = calloc(1, sizeof *c);
        c->operations = &tcp_operations;
        c->done = drop;
        c->fd = connect_loopback();
        c->next = all;
        all = c;
        int peer = (int)MUST(accept(listener, NULL, NULL));
        if (i >= 3) {
            MUST(close(peer));
            fetch(c->fd);
            c->fd = -1;
        }
    }
    clean_stack();
}

/* A table of numbers, which is no object. */
int table[N], *numbers;
static void in_a_table(void)
{
    high_numbers();
    for (int i = 0; i < N; i++)
        fetch(table[i] = dial());
    clean_stack();
}

static void on_the_heap(void)
{
    high_numbers();
    numbers = calloc(N, sizeof *numbers);
    for (int i = 0; i < N; i++)
        fetch(numbers[i] = dial());
    clean_stack();
}

/* By another thread, whose objects are in a heap of their own. */
static void *serve(void *unused)
{
    objects();
    return unused;
}
static void in_a_thread(void)
{
    pthread_t t;
    MUST(pthread_create(&t, NULL, serve, NULL));
    MUST(pthread_join(t, NULL));
}

/* Only the data of an epoll has them: its events bring the numbers back. */
static void in_an_epoll(bool stay)
{
    high_numbers();
    int epfd = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
    for (int i = 0; i < N; i++) {
        struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.fd = dial()};
        fetch(event.data.fd);
        MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, event.data.fd, &event));
        if (!stay)
            MUST(epoll_ctl(epfd, EPOLL_CTL_DEL, event.data.fd, NULL));
    }
    clean_stack();
}
static void watched(void) { in_an_epoll(true); }
static void deleted(void) { in_an_epoll(false); }

/* Each is a variable of a thread that waits. */
static void *has_one(void *unused)
{
    volatile int fd = dial();
    fetch(fd);
    pthread_barrier_wait(&started);
    pause();
    fetch(fd);
    return unused;
}
static void *has_none(void *unused)
{
    pthread_barrier_wait(&started);
    pause();
    return unused;
}
static void start(void *(*run)(void *))
{
    pthread_t t;
    MUST(pthread_barrier_init(&started, NULL, N + 1));
    for (int i = 0; i < N; i++)
        MUST(pthread_create(&t, NULL, run, NULL));
    pthread_barrier_wait(&started);
}
static void on_stacks(void)
{
    high_numbers();
    start(has_one);
}

/* Threads that have ended, whose stacks glibc keeps with all that is left on them. */
static void *had_one(void *unused)
{
    volatile struct connection c = {.operations = &tcp_operations, .done = drop, .fd = dial()};
    fetch(c.fd);
    pthread_barrier_wait(&started);
    return unused;
}
static void ended(void)
{
    pthread_t t[N];
    pthread_attr_t small;
    high_numbers();
    MUST(pthread_attr_init(&small));
    MUST(pthread_attr_setstacksize(&small, 256 << 10));
    MUST(pthread_barrier_init(&started, NULL, N));
    for (int i = 0; i < N; i++)
        MUST(pthread_create(&t[i], &small, had_one, NULL));
    for (int i = 0; i < N; i++)
        MUST(pthread_join(t[i], NULL));
}

/* As many threads as numbers, which might be in their registers. */
static void workers(void)
{
    lost();
    start(has_none);
}

static void one(void) { fill(calloc(1, sizeof(struct connection))); }

/* While a connection is served, another one is opened for it, and stays open. */
__attribute__((noinline)) static void ask_upstream(void) { connect_loopback(), MUST(accept(listener, NULL, NULL)); }
static void upstream(void)
{
    for (int i = 0; i < 3; i++) {
        int fd = connect_loopback(), peer = (int)MUST(accept(listener, NULL, NULL));
        ask_upstream();
        MUST(close(peer));
        fetch(fd);
    }
}

/* Some are closed, two are not. */
__attribute__((noinline)) static void hang_up(int fd) { MUST(close(fd)); }
static void siblings(void)
{
    for (int i = 0; i < 7; i++) {
        int fd = dial();
        fetch(fd);
        if (i < 5)
            hang_up(fd);
    }
}

/* All are closed when a signal comes. */
static int to_close[3];
static void close_them(int signal)
{
    (void)signal;
    for (int i = 0; i < 3; i++)
        hang_up(to_close[i]);
}
static void later(void)
{
    signal(SIGUSR1, close_them);
    for (int i = 0; i < 3; i++)
        fetch(to_close[i] = dial());
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = {{"objects", objects}, {"plain", plain},       {"slabs", slabs},      {"lost", lost},          {"freed", freed},
                {"some", some},       {"table", in_a_table},  {"heap", on_the_heap}, {"thread", in_a_thread}, {"epoll", watched},
                {"deleted", deleted}, {"stacks", on_stacks},  {"ended", ended},      {"workers", workers},    {"later", later},
                {"one", one},         {"upstream", upstream}, {"siblings", siblings}};
    (void)argc;
    listener = listen_loopback();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (argv[1] && strcmp(argv[1], ways[i].name) == 0)
            ways[i].run();
    puts("ready");
    fflush(stdout);
    pause();
    puts("closed");
    fflush(stdout);
    pause();
    return 0;
}
