/* SPDX-License-Identifier: MIT */
/* test_start_set.c: which sockets that a program was started with are a reason to watch it from the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/track/start_set.h"

/* What is asked holds in a child that has the sockets which OPEN_THEM makes, and no others. */
static bool is_worth_watching_with(void (*open_them)(void))
{
    pid_t child = fork();
    if (child == 0) {
        open_them();
        start_set_take();
        _exit(start_set_is_worth_watching());
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    return WEXITSTATUS(status);
}

/* A child that cannot open its sockets ends with another status. */
static void must(bool done)
{
    if (!done)
        _exit(2);
}

static int listener(const void *address, socklen_t size)
{
    const struct sockaddr *a = address;
    int fd = socket(a->sa_family, SOCK_STREAM, 0);
    must(fd > 2 && bind(fd, a, size) == 0 && listen(fd, 1) == 0);
    return fd;
}

/* Leaves only one end of a connection open. */
static void connection(int family, bool accepted)
{
    struct sockaddr_storage a;
    socklen_t size = sizeof(struct sockaddr_in);
    memset(&a, 0, sizeof a);
    a.ss_family = (sa_family_t)family;
    if (family == AF_INET)
        ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                           (size_t)sprintf(((struct sockaddr_un *)&a)->sun_path + 1, "start_set.%d", (int)getpid()));
    int l = listener(&a, size);
    size = sizeof a;
    must(getsockname(l, (struct sockaddr *)&a, &size) == 0);
    int c = socket(family, SOCK_STREAM, 0);
    must(c > 2 && connect(c, (struct sockaddr *)&a, size) == 0);
    int s = accept(l, NULL, NULL);
    must(s > 2);
    close(l);
    close(accepted ? c : s);
}

static void none(void) {}
static void a_pair(void)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}
static void a_packet_pair(void)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    close(pair[1]);
}
/* Each end gets a name from the kernel when it sends. */
static void a_pair_that_passes_credentials(void)
{
    int pair[2], on = 1;
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    for (int i = 0; i < 2; i++)
        must(setsockopt(pair[i], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    for (int i = 0; i < 2; i++)
        must(send(pair[i], "", 1, 0) == 1);
}
static void a_listener(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener(&a, sizeof a);
}
static void accepted_unix(void) { connection(AF_UNIX, true); }
static void connected_unix(void) { connection(AF_UNIX, false); }
static void accepted_internet(void) { connection(AF_INET, true); }
static void connected_internet(void) { connection(AF_INET, false); }
static void on_standard_input(void)
{
    connection(AF_INET, true);
    for (int fd = 3; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            dup2(fd, 0);
            close(fd);
        }
}

static void a_connection_is_worth_it_whoever_made_it(void **state)
{
    (void)state;
    assert_true(is_worth_watching_with(accepted_internet));
    assert_true(is_worth_watching_with(connected_internet));
    assert_true(is_worth_watching_with(accepted_unix));
    assert_true(is_worth_watching_with(connected_unix));
}

static void the_half_of_a_socketpair_is_not(void **state)
{
    (void)state;
    assert_false(is_worth_watching_with(a_pair));
    assert_false(is_worth_watching_with(a_packet_pair));
    assert_false(is_worth_watching_with(a_pair_that_passes_credentials));
}

static void nothing_a_listener_and_a_standard_descriptor_are_not(void **state)
{
    (void)state;
    assert_false(is_worth_watching_with(none));
    assert_false(is_worth_watching_with(a_listener));
    assert_false(is_worth_watching_with(on_standard_input));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_worth_it_whoever_made_it),
        cmocka_unit_test(the_half_of_a_socketpair_is_not),
        cmocka_unit_test(nothing_a_listener_and_a_standard_descriptor_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
