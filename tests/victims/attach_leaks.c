/* SPDX-License-Identifier: MIT */
/*
 * attach_leaks.c: a client of itself that leaks on command, for an agent that comes late.
 *
 * Opens one connection and prints "listening on PORT". Then each line on standard input: "open" leaks one connection by a plain call and
 * one by a function pointer that was set before main; "plugin PATH" loads PATH with RTLD_DEEPBIND and leaks one from there; "end" ends and
 * reads the first connection; anything else does nothing. Each line is answered with "done".
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;
static struct sockaddr_in a = {.sin_family = AF_INET};
static int (*saved_socket)(int, int, int) = socket;

static int connected(int s)
{
    if (connect(s, (struct sockaddr *)&a, sizeof a))
        exit(1);
    return accept(listener, NULL, NULL);
}

static void told(int s, int peer)
{
    char c;
    close(peer);
    if (recv(s, &c, 1, 0) != 0)
        exit(1);
}

static void leak_plainly(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);
    told(s, connected(s));
}

static void leak_through_pointer(void)
{
    int s = saved_socket(AF_INET, SOCK_STREAM, 0);
    told(s, connected(s));
}

static void leak_in_plugin(const char *path)
{
    void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    int (*leak)(void) = h ? (int (*)(void))dlsym(h, "plugin_socket") : NULL;
    if (!leak)
        exit(1);
    int s = leak();
    told(s, connected(s));
}

static void told_late(int s, int peer) { told(s, peer); }

int main(void)
{
    socklen_t n = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&a, n) || listen(listener, 128) || getsockname(listener, (struct sockaddr *)&a, &n))
        return 1;
    int first = socket(AF_INET, SOCK_STREAM, 0), peer = connected(first);
    printf("listening on %d\n", ntohs(a.sin_port));
    fflush(stdout);
    for (char line[512]; fgets(line, sizeof line, stdin);) {
        line[strcspn(line, "\n")] = '\0';
        if (!strcmp(line, "open")) {
            leak_plainly();
            leak_through_pointer();
        } else if (!strncmp(line, "plugin ", 7)) {
            leak_in_plugin(line + 7);
        } else if (!strcmp(line, "end")) {
            told_late(first, peer);
        }
        puts("done");
        fflush(stdout);
    }
    return 0;
}
