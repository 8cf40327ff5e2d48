// SPDX-License-Identifier: MIT

// outside.go opens sockets under stacks of every shape, and prints before each what Go itself says of the
// stack: what a walk from outside is compared with.
//
// Each socket is opened on the line that printed its stack. "case NAME" begins a print, "end" ends it;
// "waiter" begins the stack of the goroutine that waits for the next one.
package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

func say(head string) { os.Stdout.Write([]byte(head + "\n" + string(debug.Stack()) + "end\n")) }

//go:noinline
func open(name string) int {
	say("case " + name); fd, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	return fd
}

func inlined(name string) int       { return open(name) + 1 }
func inlinedTwice(name string) int  { return inlined(name) + 1 }
func generic[T any](t T, name string) int { return inlined(name) }

//go:noinline
func small(n int, name string) int {
	var b [900]byte
	if n == 0 {
		return open(name)
	}
	b[n] = 1
	return small(n-1, name) + int(b[n])
}

//go:noinline
func large(n int, name string) int {
	var b [9000]byte
	if n == 0 {
		return open(name)
	}
	b[n] = 1
	return large(n-1, name) + int(b[n])
}

type byValue struct{ name string }

func (v byValue) run(done chan int) { done <- inlined(v.name) }

type runner interface{ run(done chan int) }

func deferred(name string) (fd int) {
	defer func() { fd = open(name) }()
	return 0
}

func recovered(name string) (fd int) {
	defer func() {
		recover()
		fd = open(name)
	}()
	var p *byValue
	return len(p.name)
}

// As net/http's wantConn: made by the goroutine that wants, known to the one that dials.
type want struct {
	key, scheme string
	ready       chan int
	fd          int
}

//go:noinline
func (w *want) dial() {
	all := make([]byte, 1<<16)
	for !bytes.Contains(all[:runtime.Stack(all, true)], []byte("[select]:\nmain.(*want).wait")) {
		runtime.Gosched()
	}
	w.fd = inlined("waited")
	w.ready <- 1
}

//go:noinline
func (w *want) wait(stop chan int) {
	say("waiter"); select { case <-w.ready: case <-stop: }
}

func main() {
	done := make(chan int)
	open("plain")
	inlinedTwice("inlined")
	generic(1, "generic")
	deferred("deferred")
	recovered("recovered")
	go func() { done <- inlined("closure") }()
	<-done
	go byValue{"value"}.run(done)
	<-done
	var r runner = &byValue{"interface"}
	go r.run(done)
	<-done
	r = &byValue{"method"}
	method := r.run
	go method(done)
	<-done
	small(30, "beyond")
	go func() { done <- small(30, "beyond in a goroutine") }()
	<-done
	go func() { done <- large(14, "far beyond") }()
	<-done
	w := &want{key: "k", scheme: "s", ready: make(chan int)}
	go w.dial()
	w.wait(done)
}
