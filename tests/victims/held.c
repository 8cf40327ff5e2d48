/* SPDX-License-Identifier: MIT */
/*
 * held WORD PORT: two connections to a peer that this process opens, and closes after it has started a process.
 *
 * The process that it started keeps copies and does not use them:
 *   spawn, spawnp, popen, system    sleep(1), which libc starts
 *   vfork, fork-exec                sleep(1), by a vfork or a fork of our own
 *   fork                            a child that waits for its end
 *   two                             two such children
 *   starts                          such a child, which starts one sleep(1) after another
 * or it uses them, or has none:
 *   cloexec                         as spawn, opened with SOCK_CLOEXEC
 *   reads                           two children, each of which waits in read for what comes on its own
 *   polls, selects, epolls          a child that waits for what comes on them
 *   sends                           a child that has sent a byte
 *   moves                           a child that sends one now and then
 *   inetd                           a program has the first on 0 and 1, the second on 2; this process had several numbers of each
 *   moved                           the program has them under other numbers
 *   listen-fds                      handed over by systemd's protocol
 *   rights                          passed to a process that was there before
 *   rights-later                    passed to one that was started later, and has no other copy
 *   short                           a child that ends before the grace is over
 *   closes                          a child that closes them
 *   listener                        two children that accept on a shared listener
 *
 * Then it does the same with a connection of its own (open_marker) and another sleep(1): once that is found, the others would have been too.
 * Says "child PID" for each process, and "at PID" when all its own copies are closed. Ends at SIGTERM, by exit(3).
 */
#include "victim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

#define N 2
static int fds[N];
static char sleep_name[] = "sleep", sleep_time[] = "1000", *const sleeper[] = {sleep_name, sleep_time, NULL};

static void on_term(int sig) { (void)sig; }

static void say_number(const char *what, int number)
{
    printf("%s %d\n", what, number);
    fflush(stdout);
}

__attribute__((noinline)) static int open_one(int flags)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM | flags, 0));
    MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
    return fd;
}

/* Found after all others. */
__attribute__((noinline)) static int open_marker(void)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
    return fd;
}

static void close_all(void)
{
    for (int i = 0; i < N; i++)
        close(fds[i]);
}

__attribute__((noreturn)) static void wait_for_the_end(void)
{
    pause();
    exit(0);
}

static int is(const char *word, const char *name) { return strcmp(word, name) == 0; }

/* As a shell does: a program, and at each SIGUSR1 the next one in its place. */
static void start_one_after_another(void)
{
    sigset_t set;
    int got;
    pid_t program;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (;;) {
        if (posix_spawn(&program, "/bin/sleep", NULL, NULL, sleeper, environ))
            exit(98);
        say_number("program", program);
        sigwait(&set, &got);
        kill(program, SIGKILL);
        waitpid(program, NULL, 0);
    }
}

static int reading; /* which of the two */

/* In the child: never returns. */
static void be_child(const char *word)
{
    char c;
    if (is(word, "reads")) { /* the second child has the second connection */
        close(fds[1 - reading]);
        read(fds[reading], &c, 1);
    }
    if (is(word, "polls")) {
        struct pollfd p[N] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
        poll(p, N, -1);
    }
    if (is(word, "selects")) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(fds[0], &set);
        FD_SET(fds[1], &set);
        select(fds[1] + 1, &set, NULL, NULL, NULL);
    }
    if (is(word, "epolls")) {
        int epoll = (int)MUST(epoll_create1(0));
        struct epoll_event e = {.events = EPOLLIN};
        for (int i = 0; i < N; i++)
            MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &e));
        epoll_wait(epoll, &e, 1, -1);
    }
    if (is(word, "sends"))
        for (int i = 0; i < N; i++)
            MUST(send(fds[i], "x", 1, 0));
    if (is(word, "short"))
        _exit(0);
    if (is(word, "closes"))
        close_all();
    if (is(word, "starts"))
        start_one_after_another();
    wait_for_the_end();
}

static void fork_child(const char *word)
{
    pid_t child = (pid_t)MUST(fork());
    if (!child)
        be_child(word);
    say_number("child", child);
}

/* A program that writes a byte every tenth of a second, on the descriptors that it has been given. */
static void fork_program(const char *word)
{
    pid_t child = (pid_t)MUST(fork());
    if (child) {
        say_number("child", child);
        return;
    }
    if (is(word, "moves")) {
        char script[128];
        snprintf(script, sizeof script, "while echo x >&%d && echo x >&%d; do sleep 0.1; done", fds[0], fds[1]);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    }
    if (is(word, "inetd")) {
        dup2(fds[0], 0);
        dup2(fds[0], 1);
        dup2(fds[1], 2);
    }
    if (is(word, "moved"))
        for (int i = 0; i < N; i++)
            MUST(fcntl(fds[i], F_DUPFD, 20));
    if (is(word, "listen-fds")) {
        dup2(fds[0], 3); /* they are 3 and 4 already, or this makes them so */
        dup2(fds[1], 4);
        setenv("LISTEN_FDS", "2", 1);
    }
    execvp(sleeper[0], sleeper);
    _exit(97);
}

__attribute__((noinline)) static void spawn_sleep(int by_path)
{
    pid_t child;
    if (by_path ? posix_spawnp(&child, "sleep", NULL, NULL, sleeper, environ)
                : posix_spawn(&child, "/bin/sleep", NULL, NULL, sleeper, environ))
        exit(98);
    say_number("child", child);
}

__attribute__((noinline)) static void vfork_sleep(void)
{
    pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): the subject */
    if (child == 0) {
        execvp(sleeper[0], sleeper);
        _exit(97);
    }
    say_number("child", child);
}

__attribute__((noinline)) static void open_pipe(void)
{
    int child;
    FILE *f = popen("echo $$; exec sleep 1000", "r");
    if (!f || fscanf(f, "%d", &child) != 1)
        exit(98);
    say_number("child", child);
}

__attribute__((noinline)) static void run_in_background(void)
{
    fflush(stdout);
    if (system("sleep 1000 & echo child $!") != 0)
        exit(98);
}

/* ---- SCM_RIGHTS ---- */

static int channel[2];

static void pass_all(void)
{
    union {
        char room[CMSG_SPACE(sizeof fds)];
        struct cmsghdr align;
    } u;
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
    memset(&u, 0, sizeof u);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(c), fds, sizeof fds);
    MUST(sendmsg(channel[0], &m, 0));
    MUST(read(channel[0], &byte, 1));
}

/* It gets them under the numbers that this process has: those are free there. */
static void start_receiver(void)
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
    for (int i = 0; i < 2; i++) {
        int high = (int)MUST(fcntl(channel[i], F_DUPFD, 30 + i));
        close(channel[i]);
        channel[i] = high;
    }
    pid_t child = (pid_t)MUST(fork());
    if (child) {
        say_number("child", child);
        return;
    }
    close_all();
    union {
        char room[CMSG_SPACE(sizeof fds)];
        struct cmsghdr align;
    } u;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
    MUST(recvmsg(channel[1], &m, 0));
    MUST(write(channel[1], "x", 1));
    wait_for_the_end();
}

static void start_listeners(void)
{
    struct sockaddr_in peer = victim_address;
    int listener = listen_loopback();
    for (int i = 0; i < 2; i++) {
        pid_t child = (pid_t)MUST(fork());
        if (!child) {
            close((int)MUST(accept(listener, NULL, NULL)));
            wait_for_the_end();
        }
        say_number("child", child);
    }
    int client = connect_loopback();
    close(client);
    close(listener);
    victim_address = peer;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    struct sigaction sa = {.sa_handler = on_term};
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 3)
        return 2;
    victim_address.sin_family = AF_INET;
    victim_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    victim_address.sin_port = htons((uint16_t)atoi(argv[2]));
    fds[0] = fds[1] = -1;
    if (is(word, "rights"))
        start_receiver();
    for (int i = 0; i < N && !is(word, "listener"); i++)
        fds[i] = open_one(is(word, "cloexec") || is(word, "rights-later") ? SOCK_CLOEXEC : 0);
    for (int i = 0; i < N && is(word, "inetd"); i++)
        close((int)MUST(dup(fds[i])));
    if (is(word, "spawn") || is(word, "cloexec"))
        spawn_sleep(0);
    else if (is(word, "spawnp"))
        spawn_sleep(1);
    else if (is(word, "vfork"))
        vfork_sleep();
    else if (is(word, "popen"))
        open_pipe();
    else if (is(word, "system"))
        run_in_background();
    else if (is(word, "fork-exec") || is(word, "moves") || is(word, "inetd") || is(word, "moved") || is(word, "listen-fds"))
        fork_program(word);
    else if (is(word, "rights-later"))
        start_receiver();
    else if (is(word, "listener"))
        start_listeners();
    else if (!is(word, "rights"))
        fork_child(word);
    if (is(word, "reads")) { /* as a server that forks for each connection */
        reading = 1;
        close(fds[0]);
    }
    if (is(word, "two") || is(word, "reads"))
        fork_child(word);
    if (is(word, "rights") || is(word, "rights-later"))
        pass_all();
    close_all();
    int marker = open_marker();
    spawn_sleep(0);
    close(marker);
    say_number("at", (int)getpid());
    wait_for_the_end();
}
