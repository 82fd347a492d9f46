package service

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestFigure keeps the figure in the package comment equal to the table: it is printed from it.
func TestFigure(t *testing.T) {
	var b strings.Builder
	for _, s := range States {
		for _, e := range Events {
			if to, ok := s.On(e); ok {
				fmt.Fprintf(&b, "//\t%-10s --%-11s %s\n", s, e+"-->", to)
			}
		}
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), "//\n"+b.String()+"//\n") {
		t.Errorf("doc.go does not have this figure:\n%s", b.String())
	}
}

// TestMachine states what must hold of the table whatever it says in detail.
func TestMachine(t *testing.T) {
	for s, row := range transitions {
		for e, to := range row {
			if _, ok := transitions[to]; !ok {
				t.Errorf("%s on %s leads to %s, which has no row", s, e, to)
			}
		}
	}
	for _, s := range States {
		if s == StateStopped || s == StateFailed {
			continue // there is no daemon to stop
		}
		if to, ok := s.On(EventStop); !ok || to != StateStopping {
			t.Errorf("stop in %s leads to %s, %v", s, to, ok)
		}
	}
	for _, e := range Events {
		to, ok := StateStopping.On(e)
		if ok && to != StateStopping && to != StateStopped {
			t.Errorf("%s brings a stopping daemon to %s", e, to)
		}
	}
	if to, ok := StateStopped.On(EventReady); ok || to != StateStopped {
		t.Errorf("a meaningless event changed the state to %s", to)
	}
	if to, ok := State("nonsense").On(EventStop); ok || to != "nonsense" {
		t.Errorf("an unknown state moved to %s", to)
	}
}
