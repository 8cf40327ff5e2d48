/* SPDX-License-Identifier: MIT */
/* hard_calls WORD: errors that tell the program of an end, and opens and closes that no wrapper sees. Leaves the socket behind that the word names. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>

#include "victim.h"

static int listener;

static int told_by_error(const char *word)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0)), error = 0;
    socklen_t len = sizeof error;
    if (!strcmp(word, "epipe")) {
        MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
        MUST(close((int)MUST(accept(listener, NULL, NULL))));
        MUST(send(fd, "x", 1, MSG_NOSIGNAL)); /* answered by a reset */
        struct pollfd p = {.fd = fd};
        MUST(poll(&p, 1, 5000));
        return send(fd, "x", 1, MSG_NOSIGNAL) < 0 ? errno : 0;
    }
    if (!strcmp(word, "timeout")) { /* nobody takes connections from a queue that is full */
        MUST(listen(listener, 0));
        connect_loopback();
        MUST(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){300}, sizeof(int)));
        return connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address) < 0 ? errno : 0;
    }
    MUST(close(listener));
    listener = -1;
    MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
    if (connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address) == 0 || errno != EINPROGRESS)
        return errno; /* loopback refuses at once */
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    MUST(poll(&p, 1, 5000));
    MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
    return error;
}

#ifdef __x86_64__
static long by_hand(long nr, long a)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(a) : "rcx", "r11", "memory");
    return r;
}
#else
static long by_hand(long nr, long a) { return nr == SYS_close ? close((int)a) : -1; }
#endif

/* What libc opens and closes for itself. */
static void inside_libc(void)
{
    struct addrinfo *found;
    char *argv[] = {(char *)"true", NULL}, *envp[] = {NULL};
    pid_t child;
    if (getaddrinfo("localhost", "80", NULL, &found) == 0)
        freeaddrinfo(found);
    (void)!getaddrinfo("no-such-host.invalid", "80", NULL, &found);
    openlog("hard_calls", LOG_NDELAY, LOG_USER);
    syslog(LOG_DEBUG, "a test of sockleak");
    closelog();
    FILE *f = popen("true", "r");
    printf("popen %d\n", f ? pclose(f) : -1);
    if (posix_spawn(&child, "/bin/true", NULL, NULL, argv, envp) == 0)
        waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    listener = listen_loopback();
    if (!strcmp(word, "epipe") || !strcmp(word, "timeout") || !strcmp(word, "refused_later")) {
        printf("told %s\n", strerror(told_by_error(word)));
    } else if (!strcmp(word, "by_hand")) { /* closed unseen; the number goes to a file once, to another socket once */
        int stuck = connect_loopback(), fd;
        MUST(close((int)MUST(accept(listener, NULL, NULL))));
        MUST(by_hand(SYS_close, stuck));
        fd = (int)MUST(open("/dev/null", O_RDONLY));
        printf("same number %d\n", fd == stuck);
    } else if (!strcmp(word, "inside_libc")) {
        inside_libc();
    }
    if (listener >= 0)
        close(listener);
    return 0;
}
