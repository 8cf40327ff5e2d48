/* SPDX-License-Identifier: MIT */
/* hard_meaning WORD [PORT]: one connection in a condition whose meaning is easily mistaken; says "ready", and ends at the test's word without closing it. */
#include <signal.h>
#include <sys/wait.h>

#include "victim.h"

static int listener;
static int accepts(void) { return (int)MUST(accept(listener, NULL, NULL)); }
static int other_accepts(void) { return (int)MUST(accept(listener, NULL, NULL)); }

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    char buf[8];
    if (!strcmp(word, "orphan")) { /* closed in good order; what the kernel still holds of it waits for a peer that never closes */
        victim_address = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        MUST(close(connect_loopback()));
        say("ready");
        wait_for_word();
        return 0;
    }
    listener = listen_loopback();
    int client = connect_loopback();
    if (!strcmp(word, "behind_data")) { /* 5 bytes and a FIN; 2 bytes are read, so recv never returns 0 */
        int fd = accepts();
        MUST(send(client, "hello", 5, 0));
        MUST(close(client));
        MUST(recv(fd, buf, 2, 0));
    } else if (!strcmp(word, "shut_rd")) {
        accepts();
        MUST(shutdown(client, SHUT_RD));
        if (recv(client, buf, 1, 0) != 0) /* the end, but our own */
            return 98;
    } else if (!strcmp(word, "shut_both")) {
        int fd = accepts();
        MUST(shutdown(client, SHUT_RDWR));
        MUST(recv(fd, buf, 1, 0));
        MUST(close(fd));
    } else if (!strcmp(word, "child_serves")) { /* a forking server's parent that forgets its copy */
        int fd = accepts();
        pid_t child = (pid_t)MUST(fork());
        if (child == 0) {
            MUST(send(fd, "served", 6, 0));
            MUST(close(fd) | close(client));
            _exit(0);
        }
        MUST(waitpid(child, NULL, 0));
        MUST(recv(client, buf, 6, 0));
        MUST(close(client));
    } else if (!strcmp(word,
                       "same_number")) { /* the one that stays has the number of 100,000 before it, opened and closed by two functions */
        close(accepts());
        close(client);
        for (int i = 0; i < 100000; i++) {
            int v[2];
            MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
            if (i % 1000 == 0)
                close(v[0]), v[0] = connect_loopback(), close(i % 2000 ? accepts() : other_accepts());
            MUST(close(v[0]) | close(v[1]));
        }
        client = connect_loopback();
        other_accepts();
        MUST(close(client));
    } else {
        return 97;
    }
    close(listener);
    say("ready");
    wait_for_word();
    return 0;
}
