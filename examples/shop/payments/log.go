package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// say writes one logfmt line.
func say(level, msg string, pairs ...any) {
	var line strings.Builder
	fmt.Fprintf(&line, "ts=%s level=%s msg=%q", time.Now().UTC().Format(time.RFC3339Nano), level, msg)
	for i := 0; i+1 < len(pairs); i += 2 {
		value := fmt.Sprint(pairs[i+1])
		if strings.ContainsAny(value, " =\"") {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&line, " %v=%s", pairs[i], value)
	}
	fmt.Fprintln(os.Stdout, line.String())
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &recorder{w, http.StatusOK}
		next.ServeHTTP(seen, r)
		if r.URL.Path != "/healthz" {
			say("debug", "request", "method", r.Method, "path", r.URL.Path, "status", seen.status,
				"took", time.Since(began).Round(time.Microsecond), "traceparent", r.Header.Get("Traceparent"))
		}
	})
}
