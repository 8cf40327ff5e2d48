/* SPDX-License-Identifier: MIT */
/* java_native.h: the library of JavaNative.java. Built by the test, which knows where jni.h is. */
#include <jni.h>
#include <sys/socket.h>

JNIEXPORT void JNICALL Java_JavaNative_opens(JNIEnv *env, jclass cls);
JNIEXPORT void JNICALL Java_JavaNative_around(JNIEnv *env, jclass cls, jboolean second);

static __attribute__((noinline)) void call_inner(JNIEnv *env, jclass cls)
{
    (*env)->CallStaticVoidMethod(env, cls, (*env)->GetStaticMethodID(env, cls, "inner", "()V"));
    __asm__ volatile("");
}
static __attribute__((noinline)) void first_way(JNIEnv *env, jclass cls)
{
    call_inner(env, cls);
    __asm__ volatile("");
}
static __attribute__((noinline)) void second_way(JNIEnv *env, jclass cls)
{
    call_inner(env, cls);
    __asm__ volatile("");
}

void JNICALL Java_JavaNative_opens(JNIEnv *env, jclass cls)
{
    (void)env, (void)cls;
    socket(AF_INET, SOCK_DGRAM, 0);
    __asm__ volatile("");
}

void JNICALL Java_JavaNative_around(JNIEnv *env, jclass cls, jboolean second)
{
    if (second)
        second_way(env, cls);
    else
        first_way(env, cls);
    __asm__ volatile("");
}
