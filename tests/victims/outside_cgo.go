// SPDX-License-Identifier: MIT

// outside_cgo.go opens sockets in C that Go has called, and by Go that C has called, and prints before
// each what Go itself says of the stack, as outside.go does.
package main

/*
#include <sys/socket.h>

extern void goCallback(int);
static __thread int own; // the program's thread-local block holds more than Go's word

__attribute__((noinline)) static int c_inner(int n)
{
    own += n;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    __asm__ volatile("" ::: "memory");
    return fd;
}
__attribute__((noinline)) static int c_outer(int n)
{
    volatile int fd = c_inner(n);
    return fd;
}
static void c_back(int n) { goCallback(n); __asm__ volatile("" ::: "memory"); }
*/
import "C"

import (
	"os"
	"runtime/debug"
	"syscall"
)

func say(head string) { os.Stdout.Write([]byte(head + "\n" + string(debug.Stack()) + "end\n")) }

//go:noinline
func open(name string) int {
	say("case " + name); n := int(C.c_outer(1))
	return n
}

//go:noinline
func openGo(name string) int {
	say("case " + name); fd, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	return fd
}

//export goCallback
func goCallback(n C.int) { openGo("in a callback") }

func worker(done chan int) { done <- open("in C, in a goroutine") }

func main() {
	done := make(chan int)
	open("in C")
	openGo("in Go")
	go worker(done)
	<-done
	C.c_back(1)
}
