/* SPDX-License-Identifier: MIT */
/* leak_three_sites: 5,000 connections that the server has closed and the client has not: 3,000, 1,500 and 500 from three functions. */
#include "victim.h"

static void leak(int listener)
{
    connect_loopback();
    MUST(close((int)MUST(accept(listener, NULL, NULL))));
}

__attribute__((noinline)) static void first_site(int listener)
{
    leak(listener);
    __asm__ volatile("");
}

__attribute__((noinline)) static void second_site(int listener)
{
    leak(listener);
    __asm__ volatile("");
}

__attribute__((noinline)) static void third_site(int listener)
{
    leak(listener);
    __asm__ volatile("");
}

int main(void)
{
    int listener = listen_loopback();
    for (int i = 0; i < 5000; i++) {
        if (i < 3000)
            first_site(listener);
        else if (i < 4500)
            second_site(listener);
        else
            third_site(listener);
    }
    return 0;
}
