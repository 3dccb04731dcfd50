package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

type charge struct {
	ID     string `json:"id"`
	Order  string `json:"order"`
	Cents  int    `json:"amount_cents"`
	Status string `json:"status"`
}

type request struct {
	Order string `json:"order"`
	Cents int    `json:"amount_cents"`
	Card  string `json:"card"`
}

// ledger remembers what was charged, by id and by the caller's idempotency key.
type ledger struct {
	mutex sync.Mutex
	byID  map[string]charge
	byKey map[string]charge
}

func newLedger() *ledger {
	return &ledger{byID: map[string]charge{}, byKey: map[string]charge{}}
}

func (l *ledger) charge(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "charges are made by POST")
		return
	}
	var wish request
	if err := json.NewDecoder(r.Body).Decode(&wish); err != nil || wish.Cents <= 0 || len(wish.Card) < 12 {
		refuse(w, http.StatusBadRequest, "invalid_request", "order, amount_cents and card are needed")
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if known, ok := l.known(key); ok {
		answer(w, http.StatusOK, known)
		return
	}
	if approved, reason := authorise(wish.Card); !approved {
		say("warn", "card declined", "order", wish.Order, "reason", reason, "cents", wish.Cents)
		refuse(w, http.StatusPaymentRequired, "card_declined", reason)
		return
	}
	made := l.keep(key, wish)
	say("info", "charged", "charge", made.ID, "order", made.Order, "cents", made.Cents)
	answer(w, http.StatusCreated, made)
}

func (l *ledger) show(w http.ResponseWriter, r *http.Request) {
	l.mutex.Lock()
	found, ok := l.byID[strings.TrimPrefix(r.URL.Path, "/charges/")]
	l.mutex.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "not_found", "there is no such charge")
		return
	}
	answer(w, http.StatusOK, found)
}

func (l *ledger) known(key string) (charge, bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	found, ok := l.byKey[key]
	return found, ok && key != ""
}

func (l *ledger) keep(key string, wish request) charge {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	made := charge{ID: fmt.Sprintf("ch_%06d", len(l.byID)+1), Order: wish.Order, Cents: wish.Cents, Status: "captured"}
	l.byID[made.ID] = made
	l.byKey[key] = made
	return made
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]string{"error": code, "message": message})
}
