package storm

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// binVariable names a directory with apexd, for trying out other versions of it.
const binVariable = "APEXD_STORM_BIN"

// seedVariable repeats the random choices of an earlier run.
const seedVariable = "APEXD_STORM_SEED"

// What a long run is told. Without them the tests take seconds.
var (
	stormFor     = flag.Duration("storm.for", 0, "how long the storms without an end of their own last; 0 is some seconds")
	stormClients = flag.Int("storm.clients", 0, "how many commands TestFleet has at work at once; 0 is a number that a laptop bears")
	withRace     = flag.Bool("storm.race", false, "build apexd with the race detector")
)

// lasting is how long a storm goes on.
func lasting(full, short time.Duration) time.Duration {
	if *stormFor > 0 {
		return *stormFor
	}
	if testing.Short() {
		return short
	}
	return full
}

// TestMain makes the test binary also the processes that the tests need; see roles.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		if play := roles()[os.Args[1]]; play != nil {
			os.Exit(play(os.Args[2:]))
		}
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse() // build looks at one
	if os.Getenv(binVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "apexd-bin-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(binVariable, dir)
	return m.Run()
}

func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // users other than root run it
		return err
	}
	args := []string{"build", "-o", filepath.Join(dir, "apexd")}
	if *withRace {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func program() string { return filepath.Join(os.Getenv(binVariable), "apexd") }

// scaled is full, or short with -short.
func scaled(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

// random is the source of a test's choices. The seed is in the test's log.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("%s=%d", seedVariable, seed)
	return rand.New(rand.NewPCG(seed, seed))
}
