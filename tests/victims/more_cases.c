/* SPDX-License-Identifier: MIT */
/* more_cases: one corner each, by its name; every leak is a client whose server has closed. Steps on at each line on standard input. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

static int listener;

__attribute__((noinline)) static int leak(void)
{
    char c;
    int fd = connect_loopback(), server = (int)MUST(accept(listener, NULL, NULL));
    /* used in both directions, as a pool's are */
    MUST(send(fd, "?", 1, 0));
    MUST(recv(server, &c, 1, 0));
    MUST(send(server, "!", 1, 0));
    MUST(recv(fd, &c, 1, 0));
    MUST(close(server));
    return fd;
}

static void *open_one(void *arg)
{
    MUST(close((int)MUST(socket(AF_INET, SOCK_STREAM, 0))));
    return arg;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "fork_at_start")) { /* the first socket of all is opened by another thread while this one forks */
        pthread_t t;
        MUST(-pthread_create(&t, NULL, open_one, NULL));
        usleep(300000);
        alarm(15);
        pid_t child = (pid_t)MUST(fork());
        if (!child) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* hanging, it has all signals blocked */
            open_one(NULL);
            say("child done");
            _exit(0);
        }
        MUST(waitpid(child, NULL, 0));
        pthread_join(t, NULL);
        return 0;
    }
    listener = listen_loopback();
    if (!strcmp(what, "dup")) {
        int fd = leak(), second = (int)MUST(dup(fd));
        wait_for_word();
        MUST(close(fd));
        say("first closed");
        wait_for_word();
        MUST(close(second));
    } else if (!strcmp(what, "nofile")) {
        leak();
        MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0}));
        return 0;
    } else if (!strcmp(what, "unseen")) { /* among many files, a connection that no wrapper sees made */
        int null = (int)MUST(open("/dev/null", O_RDONLY)), fd;
        usleep(500000); /* what is there when the agent looks first could have come over exec */
        for (int i = 0; i < 800; i++)
            MUST(dup(null));
        register long r10 __asm__("r10") = 0;
        __asm__ volatile("syscall"
                         : "=a"(fd)
                         : "0"((long)SYS_socket), "D"((long)AF_INET), "S"((long)SOCK_STREAM), "d"(0L), "r"(r10)
                         : "rcx", "r11", "memory");
        MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
        MUST(close((int)MUST(accept(listener, NULL, NULL))));
    } else if (!strcmp(what, "child")) { /* a child that has a leak of its own beside those it got */
        for (int i = 0; i < 3; i++)
            leak();
        if (MUST(fork()) == 0) {
            leak();
            wait_for_word();
            wait_for_word();
            _exit(0);
        }
        wait_for_word();
        wait(NULL);
        _exit(0);
    }
    for (int i = argc > 2 ? atoi(argv[2]) : 0; i > 0; i--) { /* one more at each word */
        leak();
        say("leaked");
        wait_for_word();
    }
    wait_for_word();
    return 0;
}
