/* SPDX-License-Identifier: MIT */
/*
 * own_table.c: opens and closes one file again and again while the library looks and reports, and says whether it once got another number than the
 * first time.
 *
 * usage: own_table LOG. Three connections leak first. When LOG.PID has a word of them it asks for a report each five
 * milliseconds, with SIGUSR1, for half a second more.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "victim.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whether LOG has a report. */
static int says_stuck(const char *log)
{
    struct stat st;
    char *text;
    int found = 0;
    if (stat(log, &st) < 0 || st.st_size == 0)
        return 0;
    int fd = open(log, O_RDONLY);
    if (fd < 0 || !(text = calloc(1, (size_t)st.st_size + 1)))
        return 0;
    found = read(fd, text, (size_t)st.st_size) > 0 && strstr(text, "stuck in CLOSE_WAIT");
    close(fd);
    free(text);
    return found;
}

int main(int argc, char **argv)
{
    char log[4096];
    if (argc < 2)
        return 2;
    snprintf(log, sizeof log, "%s.%d", argv[1], (int)getpid());
    int listener = listen_loopback();
    for (int i = 0; i < 3; i++) {
        int client = connect_loopback();
        MUST(accept(listener, NULL, NULL));
        MUST(close(client));
    }
    int first = (int)MUST(open("/dev/null", O_RDONLY)), others = 0;
    MUST(close(first));
    double end = now() + 60, more = 0, asked = 0;
    while (now() < end) {
        if (more && now() > asked) {
            MUST(kill(getpid(), SIGUSR1));
            asked = now() + 0.005;
        }
        for (int i = 0; i < 200; i++) {
            int fd = (int)MUST(open("/dev/null", O_RDONLY));
            others += fd != first;
            MUST(close(fd));
        }
        if (!more && says_stuck(log)) {
            more = now() + 0.5;
            end = more < end ? more : end;
        }
    }
    if (!more) {
        puts("nothing was reported");
        return 1;
    }
    printf("another number: %d times\n", others);
    return 0;
}
