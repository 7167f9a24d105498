// Go's net/http and os/exec: the body into memory, header and body into the stdin of the sink, its exit status.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
)

func main() {
	listen, sink := os.Args[1], os.Args[2]
	http.HandleFunc("/mail", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "broken", http.StatusBadRequest)
			return
		}
		var message bytes.Buffer
		fmt.Fprintf(&message, "To: %s\nFrom: %s\nSubject: %s\nContent-Type: %s\n\n",
			r.Header.Get("To"), r.Header.Get("From"), r.Header.Get("Subject"), r.Header.Get("Content-Type"))
		message.Write(body)
		command := exec.Command(sink, "-t", "-i")
		command.Stdin = &message
		var said bytes.Buffer
		command.Stdout, command.Stderr = &said, &said
		if command.Run() != nil {
			http.Error(w, "not accepted", http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "accepted\n")
	})
	log.Fatal(http.ListenAndServe(listen, nil))
}
