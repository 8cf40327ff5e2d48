/* SPDX-License-Identifier: MIT */
/* never_reads: a client whose server closed after 5 bytes; it never receives anything and lives on until the test says a word. With "close" it then
 * closes; with "unshare" it takes its descriptors for itself before. */
#include <sched.h>

#include "victim.h"

__attribute__((noinline)) static int forgetful_connect(void)
{
    int fd = connect_loopback();
    __asm__ volatile("");
    return fd;
}

int main(int argc, char **argv)
{
    int listener = listen_loopback(), client = forgetful_connect(), server = (int)MUST(accept(listener, NULL, NULL));
    MUST(send(server, "hello", 5, 0));
    MUST(close(server));
    if (argc > 1 && !strcmp(argv[1], "unshare"))
        MUST(unshare(CLONE_FILES));
    say("closed");
    wait_for_word();
    if (argc > 1 && !strcmp(argv[1], "close")) {
        MUST(close(client));
        say("client closed");
        wait_for_word();
    }
    close(listener);
    return 0;
}
