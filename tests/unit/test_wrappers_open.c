/* SPDX-License-Identifier: MIT */
/*
 * test_wrappers_open.c: calls that open, duplicate and close descriptors report it, at the right
 * moment.
 */
#include <sys/resource.h>

#include "wrappers_notes.h"

static void sockets_are_told_when_they_are_open(void **state)
{
    (void)state;
    int fd = wrap_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    noted("opened(%d,%d,%d,%d,%d) ", fd, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, ORIGIN_SOCKET);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    listen(fd, 5);
    getsockname(fd, (struct sockaddr *)&at, &len);
    int client[4], server[4];
    client[0] = wrap___socket(AF_INET, SOCK_STREAM, 0);
    noted("opened(%d,%d,%d,0,0) ", client[0], AF_INET, SOCK_STREAM);
    client[1] = (int)wrap_syscall(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
    noted("opened(%d,%d,%d,0,0) ", client[1], AF_INET, SOCK_STREAM);
    client[2] = real.socket(AF_INET, SOCK_STREAM, 0);
    client[3] = real.socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < 4; i++) {
        const struct sockaddr *to = (struct sockaddr *)&at;
        long r = i == 0   ? wrap_connect(client[0], to, len)
                 : i == 1 ? wrap___connect(client[1], to, len)
                          : wrap_syscall(SYS_connect, client[i], (long)to, len, 0, 0, 0);
        assert_int_equal(r, 0);
        noted("connected(%d,0,0,to,%u) ", client[i], len);
        static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, 0};
        server[i] = i == 0   ? wrap_accept(fd, NULL, NULL)
                    : i == 1 ? wrap_accept4(fd, NULL, NULL, flags[1])
                    : i == 2 ? (int)wrap_syscall(SYS_accept4, fd, 0, 0, flags[2], 0, 0)
                             : (int)wrap_syscall(SYS_accept, fd, 0, 0, 12345, 0, 0); /* which has no flags */
        noted("accepted(%d,%d,%d) ", fd, server[i], flags[i]);
        real.close(server[i]);
        real.close(client[i]);
    }
    real.close(fd);
    FAILS(wrap_socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT, "");
    FAILS(wrap_accept(A, NULL, NULL), EINVAL, "");
    FAILS(wrap_socketpair(AF_INET, SOCK_STREAM, 0, client), EOPNOTSUPP, "");
    assert_int_equal(wrap_syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (long)client, 0, 0), 0);
    noted("pair(%d,%d,%d,%d,0) ", client[0], client[1], AF_UNIX, SOCK_STREAM);
    real.close(client[0]);
    real.close(client[1]);
    assert_int_equal(wrap_socketpair(AF_UNIX, SOCK_SEQPACKET, 0, client), 0);
    noted("pair(%d,%d,%d,%d,0) ", client[0], client[1], AF_UNIX, SOCK_SEQPACKET);
    real.close(client[0]);
    real.close(client[1]);
}

static void an_address_that_the_kernel_did_not_read_is_not_passed_on(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(1)};
    int fd = real.socket(AF_INET, SOCK_STREAM, 0);
    FAILS(wrap_connect(fd, (struct sockaddr *)&at, sizeof at), ECONNREFUSED, "connected(%d,-1,%d,to,%u) ", fd, ECONNREFUSED,
          (unsigned)sizeof at);
    FAILS(wrap_connect(fd, (void *)8, sizeof at), EFAULT, "connected(%d,-1,%d,null,0) ", fd, EFAULT);
    FAILS(wrap_connect(-1, (void *)8, sizeof at), EBADF, "connected(-1,-1,%d,null,0) ", EBADF);
    FAILS(wrap_connect(P, (struct sockaddr *)&at, sizeof at), ENOTSOCK, "connected(%d,-1,%d,null,0) ", P, ENOTSOCK);
    FAILS(wrap_connect(fd, (void *)8, 1000), EINVAL, "connected(%d,-1,%d,null,0) ", fd, EINVAL);
    real.close(fd);
}

static void a_bind_or_listen_that_fails_is_told(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = real.socket(AF_INET, SOCK_STREAM, 0), other = real.socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(wrap_bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(wrap_listen(fd, 5), 0);
    noted("");
    getsockname(fd, (struct sockaddr *)&at, &len);
    FAILS(wrap_bind(other, (struct sockaddr *)&at, len), EADDRINUSE, "unbound(%d,%d,to,%u) no_port(bind,%d,%u) ", other, EADDRINUSE, len,
          other, len);
    FAILS((int)wrap_syscall(SYS_bind, other, (long)&at, len, 0, 0, 0), EADDRINUSE, "unbound(%d,%d,to,%u) no_port(bind,%d,%u) ", other,
          EADDRINUSE, len, other, len);
    FAILS(wrap_bind(other, (void *)8, len), EFAULT, "unbound(%d,%d,null,0) ", other, EFAULT);
    FAILS(wrap_bind(other, (void *)8, 1000), EINVAL, "unbound(%d,%d,null,0) ", other, EINVAL);
    FAILS(wrap_listen(P, 5), ENOTSOCK, "unlistened(%d,%d,null,0) ", P, ENOTSOCK);
    FAILS((int)wrap_syscall(SYS_listen, P, 5, 0, 0, 0, 0), ENOTSOCK, "unlistened(%d,%d,null,0) ", P, ENOTSOCK);
    real.close(fd);
    real.close(other);
}

static void a_call_that_finds_no_descriptor_left_is_told(void **state)
{
    (void)state;
    struct rlimit before, none;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int pair[2], listener = real.socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    assert_int_equal(real.bind(listener, (struct sockaddr *)&at, sizeof at) | real.listen(listener, 5), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    FAILS(wrap_socket(AF_INET, SOCK_STREAM, 0), EMFILE, "exhausted(socket,%d,0) ", EMFILE);
    FAILS(wrap_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EMFILE, "exhausted(socketpair,%d,0) ", EMFILE);
    FAILS(wrap_accept(listener, NULL, NULL), EMFILE, "exhausted(accept,%d,0) ", EMFILE);
    FAILS(wrap_accept4(listener, NULL, NULL, 0), EMFILE, "exhausted(accept4,%d,0) ", EMFILE);
    FAILS(wrap_dup(listener), EMFILE, "exhausted(dup,%d,0) ", EMFILE);
    FAILS(wrap_fcntl(listener, F_DUPFD, 2), EMFILE, "exhausted(fcntl,%d,2) ", EMFILE);
    FAILS((int)wrap_syscall(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0), EMFILE, "exhausted(socket,%d,0) ", EMFILE);
    FAILS((int)wrap_syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (long)pair, 0, 0), EMFILE, "exhausted(socketpair,%d,0) ", EMFILE);
    FAILS((int)wrap_syscall(SYS_accept4, listener, 0, 0, 0, 0, 0), EMFILE, "exhausted(accept4,%d,0) ", EMFILE);
    FAILS((int)wrap_syscall(SYS_dup, listener, 0, 0, 0, 0, 0), EMFILE, "exhausted(dup,%d,0) ", EMFILE);
    FAILS((int)wrap_syscall(SYS_fcntl, listener, F_DUPFD, 2, 0, 0, 0), EMFILE, "exhausted(fcntl,%d,2) ", EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    real.close(listener);
}

/* ---- second descriptors ---- */

static void a_duplicate_is_a_second_reference(void **state)
{
    (void)state;
    int fd[6] = {wrap_dup(A),
                 wrap_fcntl(A, F_DUPFD, 0),
                 wrap___fcntl(A, F_DUPFD_CLOEXEC, 0),
                 wrap_fcntl64(A, F_DUPFD, 300),
                 (int)wrap_syscall(SYS_dup, A, 0, 0, 0, 0, 0),
                 (int)wrap_syscall(SYS_fcntl, A, F_DUPFD, 300, 0, 0, 0)};
    noted("duped(%d,%d) duped(%d,%d) duped(%d,%d) duped(%d,300) duped(%d,%d) duped(%d,301) ", A, fd[0], A, fd[1], A, fd[2], A, A, fd[4], A);
    assert_int_equal(wrap_fcntl(fd[2], F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(wrap_syscall(SYS_fcntl, fd[2], F_GETFD, 0, 0, 0, 0), FD_CLOEXEC);
    FAILS(wrap_dup(-1), EBADF, "");
    FAILS(wrap_fcntl(-1, F_DUPFD, 0), EBADF, "");
    for (int i = 0; i < 6; i++)
        real.close(fd[i]);
}

static void dup2_closes_its_target_and_puts_it_back_when_it_fails(void **state)
{
    (void)state;
    assert_int_equal(wrap_dup2(A, P), P);
    noted("closing(%d,open) duped(%d,%d) ", P, A, P);
    assert_int_equal(wrap___dup2(A, P), P);
    noted("closing(%d,open) duped(%d,%d) ", P, A, P);
    assert_int_equal(wrap_dup3(A, P, O_CLOEXEC), P);
    noted("closing(%d,open) duped(%d,%d) ", P, A, P);
    assert_int_equal(wrap_dup2(A, A), A);
    noted("");
    FAILS(wrap_dup3(A, A, 0), EINVAL, "");
    FAILS(wrap_dup2(-1, P), EBADF, "closing(%d,open) back(%d,77) ", P, P);
    FAILS(wrap_dup3(A, P, 12345), EINVAL, "closing(%d,open) back(%d,77) ", P, P);
    assert_int_equal(wrap_syscall(SYS_dup3, A, P, 0, 0, 0, 0), P);
    noted("closing(%d,open) duped(%d,%d) ", P, A, P);
    FAILS(wrap_syscall(SYS_dup3, -1, P, 0, 0, 0, 0), EBADF, "closing(%d,open) back(%d,77) ", P, P);
#ifdef SYS_dup2
    assert_int_equal(wrap_syscall(SYS_dup2, A, A, 0, 0, 0, 0), A);
    noted("");
#endif
}

/* ---- closing ---- */

static int interrupted(int fd)
{
    libc.close(fd);
    errno = EINTR;
    return -1;
}

static int no_dup2(int fd, int target)
{
    (void)fd, (void)target;
    errno = EBADF;
    return -1;
}

static void a_close_is_told_before_it_happens(void **state)
{
    (void)state;
    assert_int_equal(wrap_close(A), 0);
    noted("closing(%d,open) ", A);
    FAILS(wrap_close(A), EBADF, "closing(%d,gone) back(%d,77) ", A, A);
    FAILS(wrap___close(A), EBADF, "closing(%d,gone) back(%d,77) ", A, A);
    FAILS(wrap_syscall(SYS_close, A, 0, 0, 0, 0, 0), EBADF, "closing(%d,gone) back(%d,77) ", A, A);
    next_token = 0;
    FAILS(wrap_close(A), EBADF, "closing(%d,gone) ", A);
    after_close_on = true; /* who closes is remembered: it is told what came of it, where no slot was left */
    FAILS(wrap_close(A), EBADF, "closing(%d,gone) closed(%d,9,close) ", A, A);
    FAILS(wrap_syscall(SYS_close, A, 0, 0, 0, 0, 0), EBADF, "closing(%d,gone) closed(%d,9,close) ", A, A);
    assert_int_equal(wrap_close(dup(B)), 0);
    noted("closing(%d,open) closed(%d,0,close) ", A, A);
    next_token = 77;
    FAILS(wrap_close(A), EBADF, "closing(%d,gone) back(%d,77) ", A, A);
    after_close_on = false;
    real.close = interrupted;
    FAILS(wrap_close(B), EINTR, "closing(%d,open) ", B);
    next_token = 0; /* it was none of ours */
    real.dup2 = no_dup2;
    FAILS(wrap_dup2(A, P), EBADF, "closing(%d,open) ", P);
    real.dup2 = libc.dup2;
    assert_int_equal(wrap_syscall(SYS_close, P, 0, 0, 0, 0, 0), 0);
    noted("closing(%d,open) ", P);
}

static void shutdown_is_told_when_it_succeeded(void **state)
{
    (void)state;
    assert_int_equal(wrap_shutdown(A, SHUT_WR), 0);
    noted("shutdown(%d,%d) ", A, SHUT_WR);
    assert_int_equal(wrap_syscall(SYS_shutdown, A, SHUT_RD, 0, 0, 0, 0), 0);
    noted("shutdown(%d,%d) ", A, SHUT_RD);
    FAILS(wrap_shutdown(P, SHUT_WR), ENOTSOCK, "");
}

static void a_ring_brings_the_watcher(void **state)
{
    (void)state;
    char room[120] = {0}; /* struct io_uring_params */
    assert_int_equal(wrap_syscall(SYS_io_uring_setup, 0, (long)room, 0, 0, 0, 0), -1);
    noted("");
    int ring = (int)wrap_syscall(SYS_io_uring_setup, 2, (long)room, 0, 0, 0, 0);
    if (ring < 0) /* not allowed here */
        return;
    noted("mind ");
    close(ring);
}

static int refused_range(unsigned first, unsigned last, int flags)
{
    (void)first;
    (void)last;
    (void)flags;
    errno = EPERM;
    return -1;
}

static long refused_number(long number, long a, long b, long c, long d, long e, long f)
{
    (void)number;
    (void)(a + b + c + d + e + f);
    errno = ENOSYS;
    return -1;
}

static void a_range_that_the_kernel_refuses_is_told_to_be_kept(void **state)
{
    (void)state;
    range_holds_any = true;
    assert_int_equal(wrap_close_range(400, 500, 0), 0);
    noted("range(400,500) gone(400,500) ");
    assert_int_equal(wrap_syscall(SYS_close_range, 400, 500, 0, 0, 0, 0), 0);
    noted("range(400,500) gone(400,500) ");
    real.close_range = refused_range;
    FAILS(wrap_close_range(400, 500, 0), EPERM, "range(400,500) kept(400,500) ");
    real.syscall = refused_number;
    FAILS(wrap_syscall(SYS_close_range, 400, 500, 0, 0, 0, 0), ENOSYS, "range(400,500) kept(400,500) ");
    wrap_closefrom(400);
    noted("range(400,%u) gone(400,%u) ", UINT_MAX, UINT_MAX);
    range_holds_any = false;
    FAILS(wrap_close_range(400, 500, 0), EPERM, "range(400,500) ");
}

static void no_closefrom(int first) { (void)first; }

static void a_range_is_told_only_if_it_is_closed_for_all(void **state)
{
    (void)state;
    assert_int_equal(wrap_close_range(400, 500, 0), 0);
    noted("range(400,500) ");
    assert_int_equal(wrap_syscall(SYS_close_range, 400, 500, 0, 0, 0, 0), 0);
    noted("range(400,500) ");
    assert_int_equal(wrap_close_range(400, 500, CLOSE_RANGE_CLOEXEC), 0);
    noted("");
    FAILS(wrap_close_range(400, 300, 0), EINVAL, "");
    FAILS(wrap_close_range(400, 500, 1 << 20), EINVAL, "");
    wrap_closefrom(400);
    noted("range(400,%u) ", UINT_MAX);
    real.closefrom = no_closefrom;
    wrap_closefrom(-5); /* closes all */
    noted("range(0,%u) ", UINT_MAX);
}

static FILE *no_freopen(const char *path, const char *mode, FILE *file)
{
    (void)path, (void)mode;
    return file;
}

static void a_stream_takes_its_descriptor_with_it(void **state)
{
    (void)state;
    FILE *f = fdopen(A, "r+");
    errno = ENOTUNIQ;
    assert_int_equal(wrap_fclose(f), 0);
    assert_int_equal(errno, ENOTUNIQ);
    noted("closing(%d,open) ", A);
    assert_int_equal(wrap__IO_fclose(fdopen(B, "r")), 0);
    noted("closing(%d,open) ", B);
    f = wrap_freopen("/dev/null", "r", fdopen(P, "r"));
    assert_non_null(f);
    noted("closing(%d,open) ", P);
    assert_null(wrap_freopen64("/no/such/file", "r", f));
    noted("closing(%d,open) ", P);
    f = fmemopen(buf, sizeof buf, "r");
    errno = ENOTUNIQ;
    assert_int_equal(wrap_fclose(f), 0);
    assert_int_equal(errno, ENOTUNIQ);
    noted("");
    f = fmemopen(buf, sizeof buf, "r");
    real.freopen = no_freopen; /* libc's own cannot do it with such a stream */
    assert_ptr_equal(wrap_freopen("/dev/null", "r", f), f);
    noted("");
    real.fclose(f);
    f = popen("exit 3", "r");
    int fd = fileno(f);
    assert_int_equal(wrap_pclose(f), 3 << 8);
    noted("closing(%d,open) ", fd);
    f = fdopen(Q, "w");
    real.close(Q);
    FAILS(wrap_fclose(f), EBADF, "closing(%d,gone) back(%d,77) ", Q, Q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(sockets_are_told_when_they_are_open),
        CASE(an_address_that_the_kernel_did_not_read_is_not_passed_on),
        CASE(a_bind_or_listen_that_fails_is_told),
        CASE(a_call_that_finds_no_descriptor_left_is_told),
        CASE(a_duplicate_is_a_second_reference),
        CASE(dup2_closes_its_target_and_puts_it_back_when_it_fails),
        CASE(a_close_is_told_before_it_happens),
        CASE(shutdown_is_told_when_it_succeeded),
        CASE(a_ring_brings_the_watcher),
        CASE(a_range_is_told_only_if_it_is_closed_for_all),
        CASE(a_range_that_the_kernel_refuses_is_told_to_be_kept),
        CASE(a_stream_takes_its_descriptor_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
