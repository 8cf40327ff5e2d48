// SPDX-License-Identifier: MIT

// server: an HTTP server that answers "ok". usage: server ADDRESS
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		panic(err)
	}
}
