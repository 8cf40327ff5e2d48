/* SPDX-License-Identifier: MIT */
/*
 * attach_load.c: a client that loads a server with requests on several threads, some connections kept, most of them new, and checks every
 * answer.
 *
 * usage: attach_load PORT THREADS. Runs until standard input ends, then prints "REQUESTS FAILED".
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in server = {.sin_family = AF_INET};
static atomic_long requests, failed;
static atomic_bool done;

static bool ask(int s, unsigned seed)
{
    char q[256], a[256];
    size_t n = 16 + seed % 200, got = 0;
    memset(q, 'a' + (int)(seed % 26), n);
    if (send(s, q, n, MSG_NOSIGNAL) != (ssize_t)n)
        return false;
    while (got < n) {
        ssize_t r = recv(s, a + got, n - got, 0);
        if (r <= 0)
            return false;
        got += (size_t)r;
    }
    return memcmp(q, a, n) == 0;
}

static void *load(void *arg)
{
    unsigned seed = (unsigned)(unsigned long)arg;
    while (!done) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        bool ok = connect(s, (struct sockaddr *)&server, sizeof server) == 0;
        for (unsigned i = 0; i < 1 + seed % 3; i++, requests++) {
            ok = ok && ask(s, seed = seed * 1103515245 + 12345);
            failed += !ok;
        }
        struct linger gone = {1, 0}; /* no TIME_WAIT: ports would run out */
        setsockopt(s, SOL_SOCKET, SO_LINGER, &gone, sizeof gone);
        close(s);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 1;
    server.sin_port = htons((unsigned short)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int n = atoi(argv[2]);
    pthread_t t[n];
    for (int i = 0; i < n; i++)
        pthread_create(&t[i], NULL, load, (void *)(unsigned long)i);
    while (getchar() != EOF)
        ;
    done = true;
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    printf("%ld %ld\n", (long)requests, (long)failed);
    return 0;
}
