package main

import (
	"math/rand"
	"strings"
	"time"
)

// Cards that the bank treats specially, as test cards do.
const (
	cardWithoutCover = "4000000000000002" // declined
	cardWithQuestion = "4000000000003220" // the holder is asked first: slow
)

// authorise asks the bank. It answers as slowly as banks do.
func authorise(card string) (approved bool, reason string) {
	time.Sleep(time.Duration(15+rand.Intn(45)) * time.Millisecond)
	switch strings.ReplaceAll(card, " ", "") {
	case cardWithoutCover:
		return false, "insufficient_funds"
	case cardWithQuestion:
		time.Sleep(time.Duration(900+rand.Intn(900)) * time.Millisecond)
	}
	return true, ""
}
