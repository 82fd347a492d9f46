package export

import (
	"bytes"
	"testing"
	"time"

	"github.com/hashicorp/nomad/api"
	"github.com/hashicorp/nomad/jobspec2"

	"github.com/joshuaaferguson/apexd/internal/export"
)

// parseJob is what `nomad job run` does before it asks a server.
func parseJob(t *testing.T, text []byte) *api.Job {
	t.Helper()
	job, err := jobspec2.ParseWithConfig(&jobspec2.ParseConfig{Path: "shop.nomad.hcl", Body: text, Strict: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return job
}

func TestNomad(t *testing.T) {
	for name, text := range goldens(t, export.Nomad) {
		t.Run(name, func(t *testing.T) {
			g := parseJob(t, text).TaskGroups[0]
			task := g.Tasks[0]
			if *task.KillTimeout < 6*time.Second || task.Driver != "docker" || task.Env["APEX_DAEMON_NAME"] == "" {
				t.Errorf("%+v", task)
			}
			// nomad/structs, RestartPolicy.Validate: the tries have to fit into the interval
			if p := g.RestartPolicy; *p.Attempts > 0 && (*p.Interval < 5*time.Second || time.Duration(*p.Attempts)**p.Delay > *p.Interval) {
				t.Errorf("%d tries, %s apart, within %s", *p.Attempts, *p.Delay, *p.Interval)
			}
			if bytes.Contains(text, []byte("nomadVar")) != (len(task.Templates) == 1) {
				t.Errorf("templates %+v", task.Templates)
			}
		})
	}
}

func TestNomadRoundTrip(t *testing.T) {
	roundTrip(t, export.Nomad, 100, func(t *testing.T, text []byte) []string {
		var args []string
		list, _ := parseJob(t, text).TaskGroups[0].Tasks[0].Config["args"].([]any)
		for _, a := range list {
			s, _ := a.(string)
			args = append(args, s)
		}
		return args
	})
}
