// SPDX-License-Identifier: MIT

// outside_net.go: leaks of a Go program, which is watched from outside: outside_net WHAT N [SECONDS]
package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// One for each connection that the peer has closed.
var closed = make(chan bool)

// The peer of clients: answers with more than a client reads, and closes.
func peer() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				bufio.NewReader(c).ReadString('\n')
				c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + fmt.Sprintf("%05000d", 1)))
				c.Close()
				closed <- true
			}()
		}
	}()
	return l.Addr().String()
}

// The response's body is never closed.
func fetch(address string) {
	r, err := http.Get("http://" + address + "/x")
	if err != nil {
		panic(err)
	}
	_ = r.StatusCode
}

var held []net.Conn

// The connection is taken from the server, answered, and dropped.
func hijack(w http.ResponseWriter, r *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	held = append(held, c)
	c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
}

func serve(n int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", hijack)
	go http.Serve(l, nil)
	for i := 0; i < n; i++ {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		bufio.NewReader(c).ReadString('\n')
		c.Close()
	}
}

// ---- a pool of database connections, by a driver of a few lines: each query is a line, and its answer a row ----

type database string

type connection struct{ net.Conn }

type rows struct{ left int }

func (d database) Connect(context.Context) (driver.Conn, error) {
	c, err := net.Dial("tcp", string(d))
	return connection{c}, err
}
func (d database) Driver() driver.Driver                 { return nil }
func (c connection) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c connection) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (c connection) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	_, err := c.Write([]byte("SELECT 1\n"))
	return &rows{1}, err
}
func (r *rows) Columns() []string { return []string{"one"} }
func (r *rows) Close() error      { return nil }
func (r *rows) Next(to []driver.Value) error {
	if r.left--; r.left < 0 {
		return io.EOF
	}
	to[0] = int64(1)
	return nil
}

// The rows are neither read to their end nor closed: the pool gets no connection back, and opens another one for each query.
func query(db *sql.DB) {
	r, err := db.QueryContext(context.Background(), "SELECT 1")
	if err != nil {
		panic(err)
	}
	r.Next()
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	ends := n
	switch os.Args[1] {
	case "client":
		address := peer()
		for i := 0; i < n; i++ {
			fetch(address)
		}
	case "server":
		serve(n)
		ends = 0
	case "pool":
		db := sql.OpenDB(database(peer()))
		for i := 0; i < n; i++ {
			query(db)
		}
	case "clean":
		address := peer()
		for i := 0; i < n; i++ {
			r, err := http.Get("http://" + address + "/x")
			if err != nil {
				panic(err)
			}
			r.Body.Close()
		}
	}
	for ; ends > 0; ends-- {
		<-closed
	}
	time.Sleep(100 * time.Millisecond) // the ends arrive, and are looked at
	if len(os.Args) > 3 {
		s, _ := strconv.Atoi(os.Args[3])
		time.Sleep(time.Duration(s) * time.Second)
	}
}
