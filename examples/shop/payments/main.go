// Payments takes money by card. The bank behind it is played by bank.go, as in every test environment of a shop.
package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ledger := newLedger()
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("/charges", ledger.charge)
	mux.HandleFunc("/charges/", ledger.show)

	server := &http.Server{Addr: ":9090", Handler: logged(mux), ReadHeaderTimeout: 5 * time.Second}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	go func() {
		<-stop.Done()
		deadline, done := context.WithTimeout(context.Background(), 2*time.Second)
		defer done()
		server.Shutdown(deadline)
	}()

	say("info", "listening", "addr", server.Addr)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		say("error", "cannot listen", "err", err)
		os.Exit(1)
	}
	say("info", "stopped")
}
