/* SPDX-License-Identifier: MIT */
/*
 * java_frames.h: where the frames of a Java virtual machine (HotSpot) have what its tables do not
 * tell, in words from the frame pointer.
 *
 * HotSpot's src/hotspot/cpu/PROCESSOR/frame_PROCESSOR.hpp, and what generates the call stub;
 * unchanged on x86-64 since JDK 11. ARCH_HAS_JAVA_FRAMES 0: not known for this processor.
 */
#ifndef SOCKLEAK_ARCH_JAVA_FRAMES_H
#define SOCKLEAK_ARCH_JAVA_FRAMES_H

#if defined(__x86_64__)
#define ARCH_HAS_JAVA_FRAMES 1
enum {
    /* an interpreter frame: the caller's stack pointer, the Method*, the address of the byte code */
    ARCH_JAVA_SENDER_SP = -1,
    ARCH_JAVA_METHOD = -3,
    ARCH_JAVA_BCP = -8,
    /* the call stub's: the JavaCallWrapper, whose first word is the thread; the argument thread */
    ARCH_JAVA_WRAPPER = -6,
    ARCH_JAVA_THREAD = 3,
};
#else
#define ARCH_HAS_JAVA_FRAMES 0
enum { ARCH_JAVA_SENDER_SP, ARCH_JAVA_METHOD, ARCH_JAVA_BCP, ARCH_JAVA_WRAPPER, ARCH_JAVA_THREAD };
#endif

#endif
