# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# openjdk: blocking sockets (pre-close by dup2), NIO, HttpClient with its threads, a child process; sockets that the program forgets.
what="blocking sockets, NIO, HttpClient, close while another thread reads, a child process, sockets left in CLOSE_WAIT"
needs="java=openjdk-17-jre-headless /usr/lib/jvm/*/bin/javac=openjdk-17-jdk-headless ss=iproute2"

work()
{
    server java java -Xmx128m -XX:+UseSerialGC "$HERE/Java.java" "$DIR/stop"
    until_true 120 grep -q '^ready' "$DIR/java.out" || return 1
    look
    touch "$DIR/stop"
    until_true 60 gone "$pid"
    stop "$pid"
    cat "$DIR/java.out"
}
