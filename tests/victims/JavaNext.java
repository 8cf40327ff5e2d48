// SPDX-License-Identifier: MIT
// JavaNext.java: the Java of many_runtimes.c, which gives it what it calls.
public class JavaNext {
    static native void next();

    static void inner() {
        next();
    }

    static void outer() {
        inner();
    }
}
