/* SPDX-License-Identifier: MIT */
/*
 * test_wrappers_receive.c: calls that receive and send report what tells of an end, and nothing
 * else.
 */
#include "wrappers_notes.h"

static struct iovec iov[2] = {{buf, 4}, {buf + 4, 3}};

static void a_receive_that_returns_data_reports_nothing(void **state)
{
    (void)state;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    struct mmsghdr v = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}};
    assert_int_equal(wrap_write(B, "0123456789ABCDE", 15), 15);
    assert_int_equal(wrap_recv(A, buf, 1, 0), 1);
    assert_int_equal(wrap___recv(A, buf, 1, 0), 1);
    assert_int_equal(wrap___recv_chk(A, buf, 1, 1, 0), 1);
    assert_int_equal(wrap_recvfrom(A, buf, 1, 0, NULL, NULL), 1);
    assert_int_equal(wrap___recvfrom_chk(A, buf, 1, 1, 0, NULL, NULL), 1);
    assert_int_equal(wrap_read(A, buf, 1), 1);
    assert_int_equal(wrap___read(A, buf, 1), 1);
    assert_int_equal(wrap___read_chk(A, buf, 1, 1), 1);
    iov[0].iov_len = 1;
    assert_int_equal(wrap_readv(A, iov, 1), 1);
    assert_int_equal(wrap_preadv2(A, iov, 1, -1, 0), 1);
    assert_int_equal(wrap_preadv64v2(A, iov, 1, -1, 0), 1);
    msg.msg_iovlen = v.msg_hdr.msg_iovlen = 1;
    assert_int_equal(wrap_recvmsg(A, &msg, 0), 1);
    assert_int_equal(wrap_recvmmsg(A, &v, 1, 0, NULL), 1);
    assert_int_equal(wrap_recvmmsg(A, &v, 0, 0, NULL), 0); /* no message was asked for */
    assert_int_equal(wrap_splice(A, NULL, Q, NULL, 1, 0), 1);
    assert_int_equal(wrap_syscall(SYS_recvfrom, A, (long)buf, 1, 0, 0, 0), 1);
    iov[0].iov_len = 4;
    noted("");
}

static struct state_life kept[LIVES_PER_CHUNK];

/* The calls of a socket that is kept and of which nothing is known yet. */
#define ANEW(fd) (lives_kept.words[0] |= 1ull << (fd), kept[fd] = (struct state_life){.gen = 1, .receive = LIFE_FRESH, .send = LIFE_FRESH})

static void what_is_transferred_on_a_kept_socket_is_told_by_the_call_that_did_it(void **state)
{
    (void)state;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};
    struct mmsghdr v = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}};
    lives_table.chunks[0] = (char *)kept - (char *)&lives_table;
    assert_true(A < 64 && B < 64);
    ANEW(A);
    ANEW(B);
    iov[0].iov_len = 1;
#define USED(call, result, note)    \
    assert_int_equal(call, result); \
    noted(note, call_fd)
    int call_fd = B;
    USED(wrap_write(B, "0123456789abcdefghi", 15), 15, "sends(%d,write) ");
    USED(wrap___write(B, "x", 1), 1, "sends(%d,write) ");
    USED(wrap_send(B, "x", 1, 0), 1, "sends(%d,send) ");
    USED(wrap_sendto(B, "x", 1, 0, NULL, 0), 1, "sends(%d,sendto) ");
    USED(wrap_writev(B, iov, 1), 1, "sends(%d,writev) ");
    USED(wrap_sendmsg(B, &msg, 0), 1, "sends(%d,sendmsg) ");
    USED(wrap_sendmmsg(B, &v, 1, 0), 1, "sends(%d,sendmmsg) ");
    USED(wrap_syscall(SYS_write, B, (long)"x", 1, 0, 0, 0), 1, "sends(%d,write) ");
    call_fd = A;
    USED(wrap_recv(A, buf, 1, 0), 1, "receives(%d,recv) ");
    USED(wrap_recvfrom(A, buf, 1, 0, NULL, NULL), 1, "receives(%d,recvfrom) ");
    USED(wrap_read(A, buf, 1), 1, "receives(%d,read) ");
    USED(wrap_readv(A, iov, 1), 1, "receives(%d,readv) ");
    USED(wrap_recvmsg(A, &msg, 0), 1, "receives(%d,recvmsg) ");
    USED(wrap_recvmmsg(A, &v, 1, 0, NULL), 1, "receives(%d,recvmmsg) ");
    assert_int_equal(wrap_splice(A, NULL, Q, NULL, 1, 0), 1);
    noted("receives(%d,splice) sends(%d,splice) ", A, Q);
    USED(wrap_syscall(SYS_recvfrom, A, (long)buf, 1, 0, 0, 0), 1, "receives(%d,recvfrom) ");
    USED(wrap_syscall(SYS_recvmsg, A, (long)&msg, 0, 0, 0, 0), 1, "receives(%d,recvmsg) ");
    /* a report on what was sent, and a message without a byte, are no receive of data */
    assert_int_equal(wrapper_received(&(struct receive){A, MSG_ERRQUEUE, 5}, 5, CALL_RECV, 99), 5);
    noted("");
    v.msg_len = 0;
    assert_int_equal(wrapper_received_mmsg(A, &v, 0, 1, 99), 1);
    noted("received(%d,0,0,1,0) ", A);
    track_quiet = SSIZE_MAX; /* every call is an event, and what it transferred is told too */
    assert_int_equal(wrap_read(A, buf, 1), 1);
    noted("received(%d,1,0,1,0) receives(%d,read) ", A, A);
    track_quiet = 0;
    iov[0].iov_len = 4;
    lives_table.chunks[0] = 0;
}

/* Calls from one place, AT bytes deeper in the stack. */
static __attribute__((noinline)) void reads_one(unsigned at)
{
    static ssize_t (*volatile reads)(int, void *, size_t) = wrap_read; /* it is not to become a part of this */
    char *volatile room = __builtin_alloca(at + 16);
    room[0] = 0;
    assert_int_equal(reads(A, buf, 1), 1);
}

static void a_receive_from_the_place_of_the_last_one_reports_nothing(void **state)
{
    (void)state;
    char note_of_read[64];
    lives_table.chunks[0] = (char *)kept - (char *)&lives_table;
    ANEW(A);
    assert_int_equal(wrap_write(B, "0123456789", 10), 10);
    notes[0] = 0;
    snprintf(note_of_read, sizeof note_of_read, "receives(%d,read) ", A);
    reads_one(0);
    noted("%s", note_of_read);
    kept[A].receive = used_word;
    for (volatile int i = 0; i < 2; i++)
        reads_one(0);
    noted("");
    reads_one(256); /* another caller has the same function on its stack */
    noted("%s", note_of_read);
    kept[A].receive = used_word;
    reads_one(256);
    noted("");
    kept[A].receive = 0; /* no socket that is kept */
    reads_one(0);
    reads_one(256);
    noted("");
    kept[A].receive = LIFE_FRESH;
    assert_int_equal(wrap_recv(A, buf, 1, MSG_PEEK), 1);
    noted("receives(%d,recv) ", A);
    lives_kept.words[0] = 0; /* a file: calls that may be of one do not look further */
    assert_int_equal(wrap_write(B, "01", 2), 2);
    reads_one(0);
    assert_int_equal(wrap_readv(A, &(struct iovec){buf, 1}, 1), 1);
    assert_int_equal(wrap_writev(B, &(struct iovec){buf, 1}, 1), 1);
    reads_one(0);
    noted("");
    lives_table.chunks[0] = 0;
}

static void a_receive_of_nothing_is_told_with_what_was_asked_for(void **state)
{
    (void)state;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    struct mmsghdr v[2] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}}, {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}}};
    real.shutdown(B, SHUT_WR);
#define END(call, wanted, flags) \
    assert_int_equal(call, 0);   \
    noted("received(%d,0,0,%d,%d) ", A, wanted, flags)
    END(wrap_recv(A, buf, 5, MSG_PEEK), 5, MSG_PEEK);
    END(wrap_recv(A, buf, 0, 0), 0, 0);
    END(wrap___recv(A, buf, 6, 0), 6, 0);
    END(wrap___recv_chk(A, buf, 7, 8, MSG_WAITALL), 7, MSG_WAITALL);
    END(wrap_recvfrom(A, buf, 8, 0, NULL, NULL), 8, 0);
    END(wrap___recvfrom_chk(A, buf, 9, 10, MSG_DONTWAIT, NULL, NULL), 9, MSG_DONTWAIT);
    END(wrap_read(A, buf, 5), 5, 0);
    END(wrap___read(A, buf, 6), 6, 0);
    END(wrap___read_chk(A, buf, 7, 8), 7, 0);
    END(wrap_readv(A, iov, 2), 7, 0);
    END(wrap_preadv2(A, iov, 2, -1, 0), 7, 0);
    END(wrap_preadv64v2(A, iov, 1, -1, 0), 4, 0);
    END(wrap_recvmsg(A, &msg, 0), 7, 0);
    END(wrap_splice(A, NULL, Q, NULL, 3, 0), 3, 0);
    END(wrap_syscall(SYS_read, A, (long)buf, 5, 0, 0, 0), 5, 0);
    END(wrap_syscall(SYS_readv, A, (long)iov, 2, 0, 0, 0), 7, 0);
    END(wrap_syscall(SYS_recvfrom, A, (long)buf, 6, MSG_PEEK, 0, 0), 6, MSG_PEEK);
    END(wrap_syscall(SYS_recvmsg, A, (long)&msg, 0, 0, 0, 0), 7, 0);
    assert_int_equal(wrap_recvmmsg(A, v, 2, 0, NULL), 2);
    noted("received(%d,0,0,7,0) ", A);
    assert_int_equal(wrap_syscall(SYS_recvmmsg, A, (long)v, 2, 0, 0, 0), 2);
    noted("received(%d,0,0,7,0) ", A);
}

static void an_error_is_told_and_stays_in_errno(void **state)
{
    (void)state;
    FAILS(wrap_recv(A, buf, 5, MSG_DONTWAIT), EAGAIN, "received(%d,-1,%d,5,%d) ", A, EAGAIN, MSG_DONTWAIT);
    FAILS(wrap_read(-1, buf, 5), EBADF, "received(-1,-1,%d,5,0) ", EBADF);
    FAILS(wrap_readv(-1, (void *)8, 5), EBADF, "received(-1,-1,%d,0,0) ", EBADF);
    FAILS(wrap_recvmsg(-1, (void *)8, 0), EBADF, "received(-1,-1,%d,0,0) ", EBADF);
    FAILS(wrap_recvmmsg(-1, (void *)8, 5, 0, NULL), EBADF, "received(-1,-1,%d,0,0) ", EBADF);
    FAILS(wrap_pread(A, buf, 5, 0), ESPIPE, "received(%d,-1,%d,5,0) ", A, ESPIPE);
    FAILS(wrap_pread64(A, buf, 5, 0), ESPIPE, "received(%d,-1,%d,5,0) ", A, ESPIPE);
    FAILS(wrap___pread64(A, buf, 5, 0), ESPIPE, "received(%d,-1,%d,5,0) ", A, ESPIPE);
    FAILS(wrap___pread_chk(A, buf, 5, 0, 6), ESPIPE, "received(%d,-1,%d,5,0) ", A, ESPIPE);
    FAILS(wrap___pread64_chk(A, buf, 5, 0, 6), ESPIPE, "received(%d,-1,%d,5,0) ", A, ESPIPE);
    FAILS(wrap_preadv(A, iov, 2, 0), ESPIPE, "received(%d,-1,%d,0,0) ", A, ESPIPE);
    FAILS(wrap_preadv64(A, iov, 2, 0), ESPIPE, "received(%d,-1,%d,0,0) ", A, ESPIPE);
    FAILS(wrap_splice(A, NULL, Q, NULL, 5, SPLICE_F_NONBLOCK), EAGAIN, "received(%d,-1,%d,5,0) sent(%d,-1,%d) ", A, EAGAIN, Q, EAGAIN);
    FAILS(wrap_syscall(SYS_recvfrom, A, (long)buf, 5, MSG_DONTWAIT, 0, 0), EAGAIN, "received(%d,-1,%d,5,%d) ", A, EAGAIN, MSG_DONTWAIT);
}

static void the_error_queue_says_nothing_of_the_connection(void **state)
{
    (void)state;
    int udp = real.socket(AF_INET, SOCK_DGRAM, 0);
    FAILS(wrap_recv(udp, buf, 5, MSG_ERRQUEUE | MSG_DONTWAIT), EAGAIN, "");
    real.close(udp);
}

static void a_broken_pipe_is_the_writing_sides(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    real.shutdown(A, SHUT_WR);
    real.close(P);
    real.write(B, "x", 1);
    FAILS(wrap_splice(A, NULL, Q, NULL, 5, 0), EPIPE, "sent(%d,-1,%d) ", Q, EPIPE);
    FAILS(wrap_write(A, "x", 1), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap___write(A, "x", 1), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_writev(A, iov, 2), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_send(A, "x", 1, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap___send(A, "x", 1, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_sendto(A, "x", 1, 0, NULL, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    struct mmsghdr v = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}};
    FAILS(wrap_sendmsg(A, &v.msg_hdr, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_sendmmsg(A, &v, 1, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap___sendmmsg(A, &v, 1, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    int file = open("/proc/self/exe", O_RDONLY);
    FAILS(wrap_sendfile(A, file, NULL, 5), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_sendfile64(A, file, NULL, 5), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_syscall(SYS_sendfile, A, file, 0, 5, 0, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_syscall(SYS_writev, A, (long)iov, 2, 0, 0, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_syscall(SYS_sendmsg, A, (long)&v, 0, 0, 0, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_syscall(SYS_sendmmsg, A, (long)&v, 1, 0, 0, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_syscall(SYS_write, A, (long)"x", 1, 0, 0, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    FAILS(wrap_syscall(SYS_sendto, A, (long)"x", 1, 0, 0, 0), EPIPE, "sent(%d,-1,%d) ", A, EPIPE);
    real.close(file);
    real.write(B, "x", 1);
    assert_int_equal(wrap_read(A, buf, 1), 1);
    noted("");
}

static void every_use_is_told_while_inherited_connections_are_looked_for(void **state)
{
    (void)state;
    track_quiet = SSIZE_MAX;
    assert_int_equal(wrap_write(B, "xyz", 3), 3);
    noted("sent(%d,3,0) sends(%d,write) ", B, B);
    assert_int_equal(wrap_read(A, buf, 1), 1);
    noted("received(%d,1,0,1,0) receives(%d,read) ", A, A);
    struct mmsghdr v = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}};
    assert_int_equal(wrap_recvmmsg(A, &v, 1, 0, NULL), 1);
    noted("received(%d,2,0,0,0) ", A);
}

static void descriptors_that_arrive_in_a_message_are_told(void **state)
{
    (void)state;
    char c = 'x', room[64] __attribute__((aligned(8))) = {0};
    struct iovec one = {&c, 1};
    struct msghdr msg = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    *cmsg = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(cmsg), &P, sizeof P);
    for (int i = 0; i < 4; i++) {
        msg.msg_controllen = CMSG_SPACE(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &P, sizeof P);
        assert_int_equal(wrap_sendmsg(B, &msg, 0), 1);
        noted("passing(%d) ", SCM_RIGHTS);
        struct mmsghdr v = {.msg_hdr = msg};
        if (i == 0)
            assert_int_equal(wrap_recvmsg(A, &msg, 0), 1);
        else if (i == 1)
            assert_int_equal(wrap_syscall(SYS_recvmsg, A, (long)&msg, 0, 0, 0, 0), 1);
        else if (i == 2)
            assert_int_equal(wrap_recvmmsg(A, &v, 1, 0, NULL), 1);
        else
            assert_int_equal(wrap_syscall(SYS_recvmmsg, A, (long)&v, 1, 0, 0, 0), 1);
        if (i < 2)
            noted("rights(%d) receives(%d,recvmsg) ", SCM_RIGHTS, A);
        else
            noted("rights(%d) ", SCM_RIGHTS);
        int fd;
        memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
        real.close(fd);
    }
}

static void poll_tells_of_errors_and_hangups(void **state)
{
    (void)state;
    struct pollfd v[3] = {{.fd = P, .events = POLLIN}, {.fd = A, .events = POLLIN}, {.fd = B, .events = POLLOUT}};
    struct timespec none = {0, 0};
    assert_int_equal(wrap_poll(v, 3, 0), 1);
    noted("");
    real.close(B);
    B = -1;
    v[2].fd = -1;
    assert_int_equal(wrap_poll(v, 3, 0), 1);
    noted("hung_up(%d,%d,poll) ", A, POLLIN | POLLHUP);
    assert_int_equal(wrap___poll(v, 3, 0), 1);
    noted("hung_up(%d,%d,poll) ", A, POLLIN | POLLHUP);
    assert_int_equal(wrap___poll_chk(v, 3, 0, sizeof v), 1);
    noted("hung_up(%d,%d,poll) ", A, POLLIN | POLLHUP);
    assert_int_equal(wrap_ppoll(v, 3, &none, NULL), 1);
    noted("hung_up(%d,%d,ppoll) ", A, POLLIN | POLLHUP);
    assert_int_equal(wrap___ppoll_chk(v, 3, &none, NULL, sizeof v), 1);
    noted("hung_up(%d,%d,ppoll) ", A, POLLIN | POLLHUP);
    assert_int_equal(wrap_syscall(SYS_ppoll, (long)v, 3, (long)&none, 0, 8, 0), 1);
    noted("hung_up(%d,%d,ppoll) ", A, POLLIN | POLLHUP);
    FAILS(wrap_poll((void *)8, 3, 0), EFAULT, "");
    v[0].revents = POLLIN;
    v[1].revents = POLLERR; /* behind the last that is ready nothing is looked at */
    assert_int_equal(wrapper_polled(v, 3, 1, CALL_POLL), 1);
    noted("");
    v[0].revents = POLLRDHUP;
    assert_int_equal(wrapper_polled(v, 3, 1, CALL_POLL), 1);
    noted("hung_up(%d,%d,poll) ", P, POLLRDHUP);
    assert_int_equal(this_thread.call, CALL_UNKNOWN);
}

static void epoll_tells_of_hangups_by_the_data_that_was_registered(void **state)
{
    (void)state;
    int e = epoll_create1(0);
    struct epoll_event *volatile bad = (struct epoll_event *)8;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = 4711}, got[4];
    struct timespec none = {0, 0};
    assert_int_equal(wrap_epoll_ctl(e, EPOLL_CTL_ADD, A, &event), 0);
    noted("registered(%d,%d,%d,4711) ", e, EPOLL_CTL_ADD, A);
    assert_int_equal(wrap_syscall(SYS_epoll_ctl, e, EPOLL_CTL_MOD, A, (long)&event, 0, 0), 0);
    noted("registered(%d,%d,%d,4711) ", e, EPOLL_CTL_MOD, A);
    FAILS(wrap_epoll_ctl(e, EPOLL_CTL_ADD, A, &event), EEXIST, "");
    FAILS(wrap_epoll_ctl(e, EPOLL_CTL_ADD, A, bad), EFAULT, "");
    assert_int_equal(wrap_epoll_wait(e, got, 4, 0), 0);
    FAILS(wrap_epoll_wait(-1, got, 4, 0), EBADF, "");
    assert_int_equal(real.write(B, "x", 1), 1);
    assert_int_equal(wrap_epoll_wait(e, got, 4, 0), 1);
    noted("");
    real.close(B);
    B = -1;
    const unsigned all = EPOLLIN | EPOLLRDHUP | EPOLLHUP;
    assert_int_equal(wrap_epoll_wait(e, got, 4, 0), 1);
    noted("epoll_hung_up(%d,4711,%u,epoll_wait) ", e, all);
    assert_int_equal(wrap_epoll_pwait(e, got, 4, 0, NULL), 1);
    noted("epoll_hung_up(%d,4711,%u,epoll_pwait) ", e, all);
    if (wrap_epoll_pwait2(e, got, 4, &none, NULL) == 1)
        noted("epoll_hung_up(%d,4711,%u,epoll_pwait2) ", e, all);
    assert_int_equal(wrap_syscall(SYS_epoll_pwait, e, (long)got, 4, 0, 0, 8), 1);
    noted("epoll_hung_up(%d,4711,%u,epoll_pwait) ", e, all);
    assert_int_equal(wrap_epoll_ctl(e, EPOLL_CTL_DEL, A, NULL), 0);
    noted("registered(%d,%d,%d,0) ", e, EPOLL_CTL_DEL, A);
    real.close(e);
}

static void what_a_stream_will_read_is_not_watched(void **state)
{
    (void)state;
    static const char *const modes[] = {"r", "r+", "w+", "a+", "w", "a"};
    for (int i = 0; i < 6; i++) {
        int fd = real.dup(A);
        FILE *f = i % 2 ? wrap_fdopen(fd, modes[i]) : wrap__IO_fdopen(fd, modes[i]);
        assert_non_null(f);
        if (i < 4)
            noted("unwatched(%d) ", fd);
        else
            noted("");
        real.fclose(f);
    }
    FAILS(wrap_fdopen(-1, "r") ? 0 : -1, EBADF, "");
}

static int refused(int fd, int level, int name, void *value, socklen_t *len)
{
    (void)fd, (void)level, (void)name;
    *(int *)value = ECONNREFUSED;
    *len = sizeof(int);
    return 0;
}

static void a_pending_error_that_is_fetched_is_told(void **state)
{
    (void)state;
    int value = 1;
    socklen_t len = sizeof value;
    assert_int_equal(wrap_getsockopt(A, SOL_SOCKET, SO_ERROR, &value, &len), 0);
    assert_int_equal(wrap_getsockopt(A, SOL_SOCKET, SO_TYPE, &value, &len), 0);
    noted("");
    real.getsockopt = refused;
    assert_int_equal(wrap_getsockopt(A, SOL_SOCKET, SO_ERROR, &value, &len), 0);
    noted("told(%d,%d) ", A, ECONNREFUSED);
    value = ECONNRESET;
    assert_int_equal(wrapper_got_option(A, SOL_SOCKET, SO_ERROR, &value, &len, -1), -1);
    assert_int_equal(wrapper_got_option(A, SOL_SOCKET, SO_ERROR, (void *)8, (void *)8, -1), -1);
    assert_int_equal(wrapper_got_option(A, IPPROTO_TCP, SO_ERROR, &value, &len, 0), 0);
    len = 1;
    assert_int_equal(wrapper_got_option(A, SOL_SOCKET, SO_ERROR, &value, &len, 0), 0);
    noted("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_receive_that_returns_data_reports_nothing),
        CASE(what_is_transferred_on_a_kept_socket_is_told_by_the_call_that_did_it),
        CASE(a_receive_from_the_place_of_the_last_one_reports_nothing),
        CASE(a_receive_of_nothing_is_told_with_what_was_asked_for),
        CASE(an_error_is_told_and_stays_in_errno),
        CASE(the_error_queue_says_nothing_of_the_connection),
        CASE(a_broken_pipe_is_the_writing_sides),
        CASE(every_use_is_told_while_inherited_connections_are_looked_for),
        CASE(descriptors_that_arrive_in_a_message_are_told),
        CASE(poll_tells_of_errors_and_hangups),
        CASE(epoll_tells_of_hangups_by_the_data_that_was_registered),
        CASE(what_a_stream_will_read_is_not_watched),
        CASE(a_pending_error_that_is_fetched_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
