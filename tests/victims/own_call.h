/* SPDX-License-Identifier: MIT */
/* own_call.h: a system call by an instruction of the program's own, which no wrapper sees. */
#ifndef OWN_CALL_H
#define OWN_CALL_H

#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long own_call(long number, long a, long b, long c)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
#else
static inline long own_call(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#endif

#endif
