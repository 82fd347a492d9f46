package supervise

import (
	"testing"

	"github.com/joshuaaferguson/apexd/internal/winevent"
)

func TestEventRequest(t *testing.T) {
	want := map[string]Request{
		winevent.Stop:   {RequestStop, "event stop"},
		winevent.Kill:   {RequestKill, "event kill"},
		winevent.Reload: {RequestReload, "event reload"},
	}
	verbs := eventVerbs()
	if len(verbs) != len(want) {
		t.Errorf("verbs %q", verbs)
	}
	for _, v := range verbs {
		if got := eventRequest(v); got != want[v] {
			t.Errorf("eventRequest(%q) = %+v, want %+v", v, got, want[v])
		}
	}
}
