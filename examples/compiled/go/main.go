package main

import (
	"fmt"
	"log"
	"net/http"
)

const version = "one"

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "go says %s\n", version)
	})
	log.Fatal(http.ListenAndServe(":8000", nil))
}
