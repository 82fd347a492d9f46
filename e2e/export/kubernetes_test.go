package export

import (
	"bytes"
	"errors"
	"io"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/joshuaaferguson/apexd/internal/export"
)

// decode reads every document of text as the API server does with --validate=strict: an unknown or doubled field is an error. What only the server
// checks, see kubernetes/validate_test.go.
func decode(t *testing.T, text []byte) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	s := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	var objects []runtime.Object
	docs := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	buf := make([]byte, 1<<20)
	for {
		n, err := docs.Read(buf)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		o, _, err := s.Decode(bytes.Clone(buf[:n]), nil, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, buf[:n])
		}
		objects = append(objects, o)
	}
}

// podOf is the Pod that the first object has.
func podOf(t *testing.T, objects []runtime.Object) corev1.PodSpec {
	t.Helper()
	switch o := objects[0].(type) {
	case *appsv1.Deployment:
		return o.Spec.Template.Spec
	case *batchv1.Job:
		return o.Spec.Template.Spec
	}
	t.Fatalf("%T has no Pod", objects[0])
	return corev1.PodSpec{}
}

func TestKubernetes(t *testing.T) {
	for name, text := range goldens(t, export.Kubernetes) {
		t.Run(name, func(t *testing.T) {
			objects := decode(t, text)
			pod := podOf(t, objects)
			c := pod.Containers[0]
			if *pod.TerminationGracePeriodSeconds < 6 || c.LivenessProbe == nil || c.ReadinessProbe == nil || len(c.Command) != 1 {
				t.Errorf("%+v", pod)
			}
			if (len(objects) == 2) != (len(c.Ports) > 0) {
				t.Errorf("%d objects for %d ports", len(objects), len(c.Ports))
			}
		})
	}
}
