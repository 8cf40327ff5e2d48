// SPDX-License-Identifier: MIT

// A client of a server that answers and closes: go test -exec 'sockleak run --exitcode 7 --' ./leaking
package leaking

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
)

// server answers one request with more than a client needs, and closes; then the channel is closed too.
func server(t *testing.T) (string, chan struct{}) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c, err := l.Accept()
		if err != nil {
			return
		}
		bufio.NewReader(c).ReadString('\n')
		c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 20000)))
		c.Close()
		l.Close()
	}()
	return "http://" + l.Addr().String(), closed
}

func status(t *testing.T, url string) int {
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode
}

func TestStatus(t *testing.T) {
	url, closed := server(t)
	if got := status(t, url); got != 200 {
		t.Errorf("status %d", got)
	}
	<-closed // what the test left open is judged when its process ends: by then the peer has closed
}
