// SPDX-License-Identifier: MIT

// holds ADDRESS: three connections, held by a Go program that is linked with libc. As family.c.
package main

// #include <unistd.h>
import "C"

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if os.Getenv("FAMILY_WAITS") != "" {
		fmt.Println("ready")
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	var held []net.Conn
	for i := 0; i < 3; i++ {
		c, err := net.Dial("tcp", os.Args[1])
		if err != nil {
			panic(err)
		}
		held = append(held, c)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	fmt.Printf("at %d\n", C.getpid())
	<-end
	fmt.Println(len(held))
}
