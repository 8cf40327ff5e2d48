/* SPDX-License-Identifier: MIT */
/*
 * exhaust.c: uses up descriptors or local ports, and prints which call failed, after how many, and why.
 *
 * usage: exhaust server LIMIT     keeps what it accepts until accept4 fails; then gives some back, and fails again
 *        exhaust fill LIMIT N     opens N sockets, says so, and waits for a line
 *        exhaust dup LIMIT        copies one socket
 *        exhaust high LIMIT       as dup, by fcntl, from LIMIT - 5 on
 *        exhaust files LIMIT      opens a file again and again, then a socket
 *        exhaust popen|spawn|freopen LIMIT   as files, but then this call
 *        exhaust child LIMIT      as server, then again in a child
 *        exhaust quiet LIMIT      as server, but ends without an exit handler half a second later
 *        exhaust connect|bind|datagram   until no port is left
 *        exhaust taken            connects from a port of its own choice, twice to the same address
 *        exhaust once             calls socket and connect once each
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "victim.h"

static const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};

static void failed(const char *call, int count) { printf("%s: %s after %d\n", call, strerror(errno), count); }

static int serve_one(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC); }

static void set_limit(int limit)
{
    struct rlimit r;
    MUST(getrlimit(RLIMIT_NOFILE, &r));
    r.rlim_cur = (rlim_t)limit;
    MUST(setrlimit(RLIMIT_NOFILE, &r));
}

/* The peer of each is another process', so that the listener's side alone takes descriptors here. */
static void connect_from_child(int n, const int go[2])
{
    if (fork() != 0)
        return;
    char c;
    close(go[1]);
    set_limit(512);
    for (int i = 0; i < n; i++)
        connect_loopback();
    if (read(go[0], &c, 1)) /* until the other end is closed */
        _exit(1);
    _exit(0);
}

static int leak(int listener, int limit)
{
    int go[2], kept[1024], n = 0, fd;
    MUST(pipe(go));
    connect_from_child(limit - 6, go);
    while ((fd = serve_one(listener)) >= 0)
        kept[n++] = fd;
    failed("accept4", n);
    for (int i = 0; i < 3; i++)
        MUST(close(kept[--n]));
    for (int i = 0; i < 3; i++)
        MUST(socket(AF_INET, SOCK_DGRAM, 0));
    for (int i = 0; i < 1000; i++)
        if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EMFILE)
            puts("it did not fail again");
    close(go[1]);
    return n;
}

static void start_without_descriptors(const char *mode, int n)
{
    if (!strcmp(mode, "popen")) {
        popen("true", "r");
        failed("popen", n);
    } else if (!strcmp(mode, "freopen")) {
        FILE *file = fdopen(30, "r");
        MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}));
        freopen("/etc/passwd", "r", file);
        failed("freopen", n);
    } else {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 30, "/etc/passwd", O_RDONLY, 0);
        MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}));
        char *const argv[] = {(char[]){"true"}, NULL};
        errno = 0;
        int error = posix_spawnp(NULL, "true", &actions, NULL, argv, argv + 1), left = errno;
        errno = error;
        failed("posix_spawnp", n);
        errno = left;
        failed("errno", n);
    }
}

static void use_up_descriptors(const char *mode, int limit, int count)
{
    int listener = listen_loopback(), fd = 0, n = 0;
    set_limit(limit);
    if (!strcmp(mode, "fill")) {
        while (n < count)
            MUST(socket(AF_INET, SOCK_STREAM, n++ < 0));
        say("filled");
        wait_for_word();
    } else if (!strcmp(mode, "dup") || !strcmp(mode, "high")) {
        while ((fd = *mode == 'd' ? dup(listener) : fcntl(listener, F_DUPFD, limit - 5)) >= 0)
            n++;
        failed(*mode == 'd' ? "dup" : "fcntl", n);
    } else if (!strcmp(mode, "files")) {
        while (open("/etc/passwd", O_RDONLY) >= 0)
            n++;
        fd = socket(AF_INET, SOCK_STREAM, 0);
        failed("socket", n);
    } else if (!strcmp(mode, "popen") || !strcmp(mode, "spawn") || !strcmp(mode, "freopen")) {
        while (open("/etc/passwd", O_RDONLY) >= 0)
            n++;
        start_without_descriptors(mode, n);
    } else if (!strcmp(mode, "child")) {
        leak(listener, limit);
        fflush(stdout);
        if (fork() == 0) {
            while ((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0)
                n++;
            failed("in the child: socket", n);
            exit(0);
        }
        while (wait(NULL) > 0)
            ;
    } else {
        leak(listener, limit);
        fflush(stdout);
        if (!strcmp(mode, "quiet")) {
            usleep(500000);
            _exit(0);
        }
    }
}

static int one_port(const char *mode, int listener)
{
    int fd = (int)MUST(socket(AF_INET, *mode == 'd' ? SOCK_DGRAM : SOCK_STREAM, 0));
    if (*mode != 'c')
        return bind(fd, (const struct sockaddr *)&loopback, sizeof loopback);
    int r = connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address);
    return r < 0 ? r : accept(listener, NULL, NULL);
}

static void use_up_ports(const char *mode)
{
    int listener = listen_loopback(), n = 0;
    while (n < 1000 && one_port(mode, listener) >= 0)
        n++;
    failed(*mode == 'c' ? "connect" : "bind", n);
}

/* The kernel refuses the same two ends a second time. */
static void take_twice(void)
{
    int listener = listen_loopback(), on = 1, fd = 0;
    struct sockaddr_in from = loopback;
    socklen_t len = sizeof from;
    for (int i = 0; i < 2; i++) {
        fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
        MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
        MUST(bind(fd, (struct sockaddr *)&from, len));
        MUST(getsockname(fd, (struct sockaddr *)&from, &len));
        if (connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address) < 0)
            failed("connect", i);
    }
    MUST(close(listener));
}

/* Nothing is closed: a report may be made at any moment from the first failure on. */
static void call_once(void)
{
    listen_loopback();
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    int again = socket(AF_INET, SOCK_STREAM, 0);
    failed("socket", again >= 0);
    again = connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address);
    failed("connect", again >= 0);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    if (argc > 2)
        use_up_descriptors(argv[1], atoi(argv[2]), argc > 3 ? atoi(argv[3]) : 0);
    else if (!strcmp(argv[1], "taken"))
        take_twice();
    else if (!strcmp(argv[1], "once"))
        call_once();
    else
        use_up_ports(argv[1]);
    return 0;
}
