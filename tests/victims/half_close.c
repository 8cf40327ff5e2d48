/* SPDX-License-Identifier: MIT */
/* half_close: in good faith: the client shuts down its side at once, the server answers a byte every 100 ms for as many ms as it is told, then both close. */
#include <time.h>

#include "victim.h"

int main(int argc, char **argv)
{
    int rounds = (argc > 1 ? atoi(argv[1]) : 5000) / 100;
    int listener = listen_loopback(), client = connect_loopback(), server = (int)MUST(accept(listener, NULL, NULL));
    char c;
    MUST(shutdown(client, SHUT_WR));
    MUST(recv(server, &c, 1, 0));
    for (int i = 0; i < rounds; i++) {
        struct timespec t = {0, 100 * 1000 * 1000};
        MUST(send(server, "x", 1, 0));
        MUST(recv(client, &c, 1, 0));
        nanosleep(&t, NULL);
    }
    MUST(close(server));
    MUST(close(client));
    MUST(close(listener));
    say("done");
    return 0;
}
