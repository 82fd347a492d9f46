package export

import (
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/joshuaaferguson/apexd/internal/export"
)

// loadCompose is what `docker compose config` does: schema, interpolation, normalisation. The environment file need not exist.
func loadCompose(t *testing.T, text []byte) *types.Project {
	t.Helper()
	details := types.ConfigDetails{
		WorkingDir: t.TempDir(), Environment: types.Mapping{"A": "expanded", "x": "expanded", "HOME": "expanded"},
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
	}
	p, err := loader.LoadWithContext(t.Context(), details, func(o *loader.Options) { o.SkipResolveEnvironment = true })
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

func TestCompose(t *testing.T) {
	for name, text := range goldens(t, export.Compose) {
		t.Run(name, func(t *testing.T) {
			p := loadCompose(t, text)
			if len(p.Services) != 1 {
				t.Fatalf("%d services", len(p.Services))
			}
			for _, s := range p.Services {
				if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < 6*time.Second || s.HealthCheck == nil || s.Restart == "" || len(s.Tmpfs) != 1 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

func TestComposeRoundTrip(t *testing.T) {
	roundTrip(t, export.Compose, 100, func(t *testing.T, text []byte) []string { return loadCompose(t, text).Services["daemon"].Command })
}
