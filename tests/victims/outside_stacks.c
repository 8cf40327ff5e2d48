/* SPDX-License-Identifier: MIT */
/*
 * outside_stacks.c: opens sockets under frames of every shape, and says before each which functions
 * it is in: what a walk from outside is compared with.
 *
 * Prints a line for each socket: the names of the functions that are active, innermost first, then
 * the name of the shape. Plain C, so that it can be linked statically with any C library.
 */
#include <alloca.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME static __attribute__((noinline))
#define KEEP __asm__ volatile("" ::: "memory") /* no tail call, nothing moved over it */
#define IN in(__func__)
#define OUT out()

static _Thread_local const char *names[64];
static _Thread_local int depth;

static void in(const char *name) { names[depth++] = name; }
static void out(void) { depth--; }
static void say(const char *shape)
{
    char line[1024] = "";
    for (int i = depth; i-- > 0;) {
        strcat(line, names[i]);
        strcat(line, " ");
    }
    strcat(line, "= ");
    strcat(line, shape);
    strcat(line, "\n");
    if (write(1, line, strlen(line)) < 0)
        abort();
}

static const char *shape;

FRAME int s_plain(void)
{
    IN;
    say(shape);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    KEEP;
    OUT;
    return fd;
}

FRAME int s_array(int n)
{
    IN;
    char b[3000];
    memset(b, n, sizeof b);
    KEEP;
    int fd = s_plain() + b[n] * 0;
    KEEP;
    OUT;
    return fd;
}

FRAME int s_variable(int n)
{
    IN;
    char b[n];
    memset(b, 0, (size_t)n);
    KEEP;
    int fd = s_plain() + b[n / 2];
    KEEP;
    OUT;
    return fd;
}

FRAME int s_alloca(int n)
{
    IN;
    char *b = alloca((size_t)n);
    memset(b, 0, (size_t)n);
    KEEP;
    int fd = s_array(3) + b[1];
    KEEP;
    OUT;
    return fd;
}

FRAME int s_pointer(int (*f)(int), int n)
{
    IN;
    int fd = f(n);
    KEEP;
    OUT;
    return fd;
}

static int compare(const void *a, const void *b)
{
    static int once;
    IN;
    if (!once++)
        s_variable(100);
    KEEP;
    OUT;
    return *(const int *)a - *(const int *)b;
}

FRAME int s_sort(void)
{
    IN;
    int v[] = {3, 1, 2};
    qsort(v, 3, sizeof *v, compare);
    KEEP;
    OUT;
    return v[0];
}

FRAME int s_again(int n)
{
    IN;
    int fd = n ? s_again(n - 1) : s_pointer(s_variable, 64);
    KEEP;
    OUT;
    return fd;
}

/*
 * Leaves old return addresses on the stack, then opens from higher up, above an array that is not
 * written to.
 */
FRAME int s_deep(int n)
{
    IN;
    volatile char b[64];
    b[0] = (char)n;
    int fd = n ? s_deep(n - 1) : s_plain();
    KEEP;
    OUT;
    return fd + b[0] * 0;
}
FRAME int s_over(int n)
{
    IN;
    volatile char b[2000];
    b[1999] = (char)n;
    KEEP;
    int fd = s_plain() + b[1999] * 0;
    KEEP;
    OUT;
    return fd;
}
FRAME int s_stale(void)
{
    IN;
    s_deep(4);
    KEEP;
    int fd = s_over(1);
    KEEP;
    OUT;
    return fd;
}

static void *thread(void *arg)
{
    IN;
    shape = "thread-variable";
    s_variable(200);
    shape = "thread-pointer";
    s_pointer(s_alloca, 99);
    KEEP;
    OUT;
    return arg;
}

int main(void)
{
    pthread_t t;
    IN;
    shape = "plain", s_plain();
    shape = "array", s_array(1);
    shape = "variable", s_variable(100);
    shape = "alloca", s_alloca(50);
    shape = "pointer-variable", s_pointer(s_variable, 40);
    shape = "pointer-array", s_pointer(s_array, 4);
    shape = "sort", s_sort();
    shape = "again", s_again(6);
    shape = "stale", s_stale();
    if (pthread_create(&t, NULL, thread, NULL) == 0)
        pthread_join(t, NULL);
    KEEP;
    OUT;
    return 0;
}
