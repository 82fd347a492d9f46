// Package kubernetes holds what "apexd export kubernetes" writes against the API server's own defaults and validation.
package kubernetes

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"

	"github.com/joshuaaferguson/apexd/internal/export"
	"github.com/joshuaaferguson/apexd/service"
)

// validate decodes, defaults and validates each document of text, and returns the container's arguments as the kubelet hands them on.
func validate(text string) (args []string, err error) {
	var errs field.ErrorList
	for doc := range strings.SplitSeq(text, "\n---\n") {
		o, _, err := legacyscheme.Codecs.UniversalDecoder().Decode([]byte(doc), nil, nil)
		if err != nil {
			return nil, err
		}
		switch o := o.(type) {
		case *apps.Deployment:
			o.Namespace = "default"
			errs = append(errs, appsvalidation.ValidateDeployment(o, corevalidation.PodValidationOptions{})...)
			args = expanded(o.Spec.Template.Spec.Containers[0])
		case *batch.Job:
			o.Namespace, o.UID = "default", "1"
			manual := true // what the controller would generate
			o.Spec.ManualSelector = &manual
			o.Spec.Selector = &metav1.LabelSelector{MatchLabels: o.Spec.Template.Labels}
			errs = append(errs, batchvalidation.ValidateJob(o, batchvalidation.JobValidationOptions{})...)
			args = expanded(o.Spec.Template.Spec.Containers[0])
		case *core.Service:
			o.Namespace = "default"
			errs = append(errs, corevalidation.ValidateServiceCreate(o)...)
		default:
			return nil, fmt.Errorf("%T", o)
		}
	}
	return args, errs.ToAggregate()
}

// expanded is what becomes of c's arguments (kubelet, ExpandContainerCommandAndArgs).
func expanded(c core.Container) []string {
	env := map[string]string{"A": "expanded", "HOME": "expanded"}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	var out []string
	for _, a := range c.Args {
		out = append(out, expansion.Expand(a, expansion.MappingFuncFor(env)))
	}
	return out
}

func TestGoldens(t *testing.T) {
	paths, err := filepath.Glob("../../../internal/export/testdata/*.kubernetes")
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d documents: %v", len(paths), err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := validate(string(b)); err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	pieces := []string{`"`, `\`, "$", "${A}", "$(A)", "$(HOME)", "$$", "%", "{{", "\n", "\t", " ", "#", ": ", "&a", "ä", "\U0001f600", "\u2028", "\x01", "\x7f", "a", "null", "$(APEX_PROJECT_PATH)"}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 200 {
		var word strings.Builder
		for range r.IntN(6) {
			word.WriteString(pieces[r.IntN(len(pieces))])
		}
		d := export.Daemon{Key: "shop-0123456789ab", Spec: service.Spec{
			Project: "/p", Name: "web.1", Dir: "/p", FromArgs: true, Command: []string{"node", word.String()}, StopTimeout: time.Duration(i) * time.Second,
			Readiness: service.Readiness{Kind: service.ReadyTCP, Address: "127.0.0.1:8080", Timeout: time.Duration(i) * time.Minute},
			Restart:   service.RestartPolicy{When: service.RestartAlways, Limit: i, Window: time.Minute}, Log: service.LogPolicy{MaxSize: 1 << 20, MaxFiles: i},
			Sockets: []service.Socket{{Name: []string{"http", "a.b_c", "123", "averyveryverylongname", "X"}[i%5], Kind: service.SocketDatagram, Address: "0.0.0.0:8080"}},
		}}
		doc, err := export.Render(export.Kubernetes, d, export.Options{Ports: []int{8080}})
		if err != nil {
			t.Fatal(err)
		}
		args, err := validate(doc.Text)
		if want := append([]string{"run", "--"}, d.Spec.Command...); err != nil || !slices.Equal(args, want) {
			t.Fatalf("%v: %q, want %q\n%s", err, args, want, doc.Text)
		}
	}
}
