/* SPDX-License-Identifier: MIT */
/* hold_many N: opens N sockets one after the other, says so, and waits to be killed; without a limit it also closes and opens all the time. */
#include "victim.h"

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 100;
    for (int i = 0; i < n; i++)
        MUST(socket(AF_INET, SOCK_STREAM, 0));
    say("open");
    if (argc > 2)
        for (;;)
            MUST(close((int)MUST(socket(AF_INET, SOCK_STREAM, 0))));
    wait_for_word();
    return 0;
}
