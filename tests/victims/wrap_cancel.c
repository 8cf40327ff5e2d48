/* SPDX-License-Identifier: MIT */
/*
 * wrap_cancel CALL: a thread is cancelled while it waits inside CALL; its clean-up runs, and afterwards all the calls work as ever. One socket is left
 * behind in CLOSE_WAIT, opened after it all.
 */
#include "victim.h"

#include <poll.h>
#include <pthread.h>
#include <sys/uio.h>

static const char *call;
static int listener, idle, cleaned;

static void clean(void *fd)
{
    MUST(close(*(int *)fd));
    cleaned++;
}

static void *wait_inside(void *unused)
{
    int own = (int)MUST(dup(idle));
    char buf[4];
    struct iovec one = {buf, 4};
    struct msghdr msg = {.msg_iov = &one, .msg_iovlen = 1};
    struct pollfd p = {idle, POLLIN, 0};
    pthread_cleanup_push(clean, &own);
    if (!strcmp(call, "recv"))
        (void)!recv(idle, buf, 4, 0);
    else if (!strcmp(call, "read"))
        (void)!read(idle, buf, 4);
    else if (!strcmp(call, "readv"))
        (void)!readv(idle, &one, 1);
    else if (!strcmp(call, "recvmsg"))
        (void)!recvmsg(idle, &msg, 0);
    else if (!strcmp(call, "accept"))
        (void)!accept(listener, NULL, NULL);
    else if (!strcmp(call, "accept4"))
        (void)!accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    else if (!strcmp(call, "poll"))
        (void)!poll(&p, 1, -1);
    else if (!strcmp(call, "close")) { /* a cancellation that is already pending acts inside close, after it or not at all */
        pthread_cancel(pthread_self());
        MUST(close((int)MUST(dup(own))));
        pthread_testcancel();
    }
    pthread_cleanup_pop(1);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t t;
    void *result;
    char c;
    call = argc > 1 ? argv[1] : "";
    listener = listen_loopback();
    idle = connect_loopback();
    int far = (int)MUST(accept(listener, NULL, NULL));
    for (int i = 0; i < 20; i++) {
        if (pthread_create(&t, NULL, wait_inside, NULL) != 0)
            return 98;
        if (i % 2)
            usleep(1000); /* half of them are cancelled while they wait, half on their way there */
        pthread_cancel(t);
        pthread_join(t, &result);
        if (result != PTHREAD_CANCELED)
            return 97;
    }
    if (cleaned != 20)
        return 96;
    int last = connect_loopback();
    int taken = (int)MUST(accept(listener, NULL, NULL));
    MUST(close(taken));
    MUST(recv(last, &c, 1, 0));
    MUST(close(idle) | close(far) | close(listener));
    return 0;
}
