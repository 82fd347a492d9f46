package install

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

// teller is an apexd that says what it was given: its environment and its arguments, each ended by NUL.
const teller = "#!/bin/sh\ncat /proc/$$/environ\nprintf '%s\\0' -- \"$@\"\n"

// told runs a script and returns what teller was given by it.
func told(t *testing.T, dir string, argv ...string) (env, args []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", argv...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = append(os.Environ(), "STRAY=1", "LD_PRELOAD=", "IFS=x") // none of which is to arrive
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", argv, err)
	}
	all := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	i := slices.Index(all, "--")
	if i < 0 {
		t.Fatalf("%q says %q", argv, all)
	}
	return all[:i], all[i+1:]
}

// random is a value of hostile pieces and random bytes, without those of not.
func random(rnd *rand.Rand, not string) string {
	var b bytes.Buffer
	pieces := testenv.Hostile()
	for range 1 + rnd.IntN(6) {
		if rnd.IntN(2) == 0 {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		} else {
			b.WriteByte(byte(1 + rnd.IntN(255)))
		}
	}
	return string(slices.DeleteFunc(b.Bytes(), func(c byte) bool { return strings.IndexByte(not, c) >= 0 }))
}

func randomRequest(t *testing.T, rnd *rand.Rand, dir string) Request {
	t.Helper()
	r := request()
	r.Exec = filepath.Join(dir, "x"+random(rnd, "=/"))
	if err := os.WriteFile(r.Exec, []byte(teller), 0o755); err != nil {
		t.Fatal(err)
	}
	r.Spec.Project, r.Version, r.User = "/srv/"+random(rnd, ""), random(rnd, ""), cmp.Or(random(rnd, ""), "u")
	r.PIDFile, r.LogFile, r.Path = random(rnd, ""), random(rnd, ""), "/usr/bin:/bin:"+random(rnd, "")
	r.Env = []string{"XDG_STATE_HOME=" + random(rnd, ""), "EMPTY="}
	return r
}

// rcSubr is what rc.subr(8) of FreeBSD 14 does with a script, as far as ours asks it to: the words after the verb, which eval takes with the command, the verbs that begin with "one", rcvar, and 1 for
// every failure.
const rcSubr = `load_rc_config() { :; }
run_rc_command() {
	rc_arg=$1
	shift 1
	rc_extra_args="$*"
	case $rc_arg in one*) rc_arg=${rc_arg#one} ;; *)
		eval _value=\$$rcvar
		case $_value in YES) ;; *) [ "$rc_arg" = status ] || { echo "Cannot '$rc_arg' $name. Set $rcvar to YES" >&2; return 1; } ;; esac ;;
	esac
	case " start stop restart $extra_commands " in *" $rc_arg "*) ;; *) return 1 ;; esac
	eval _cmd=\$${rc_arg}_cmd
	eval "$_cmd $rc_extra_args" || return 1
}
`

// rcCommon is what /etc/rc.common of OpenWrt does with one.
const rcCommon = `initscript=$1
action=${2:-help}
shift 2
start() { return 0; }
stop() { return 0; }
status() { echo "not supported"; return 1; }
. "$initscript"
ALL_COMMANDS="start stop reload restart boot shutdown enable disable enabled depends ${EXTRA_COMMANDS}"
case " $ALL_COMMANDS " in *" $action "*) ;; *) action=help ;; esac
$action "$@"
`

// carriers are the scripts of r, each in a directory of its own with what it needs around it, and how its verbs are called.
func carriers(t *testing.T, r Request, dir string) map[service.Kind][]string {
	t.Helper()
	all := map[service.Kind][]string{
		service.KindSysV: {"sysv"}, service.KindRCS: {"rcs"}, service.KindFreeBSD: {"freebsd"}, service.KindProcd: {"rc.common", "./procd"},
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("rc.common", rcCommon)
	write("rc.subr", rcSubr)
	for kind := range all {
		text, err := RenderScript(r, kind)
		if err != nil {
			t.Fatal(err)
		}
		write(string(kind), strings.Replace(text, "\n. /etc/rc.subr\n", "\n. ./rc.subr\n", 1))
	}
	return all
}

// TestScriptsCarryEverything runs the real scripts with random values, and compares what the program was given byte by byte.
func TestScriptsCarryEverything(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no shell")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 30 {
		r := randomRequest(t, rnd, t.TempDir())
		dir := t.TempDir()
		files, err := RenderServiceDir(r, service.ScopeSystem, service.KindRunit, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(dir, f.Path), []byte(f.New), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		type row struct{ argv, args []string }
		rows := []row{{[]string{"run"}, slices.Concat([]string{"as", r.User, "run", "--keeper", "runit", "--scope", "system", "--service", dir}, r.place())}}
		for kind, script := range carriers(t, r, dir) {
			extra := []string{"--json", random(rnd, "")}
			if kind == service.KindFreeBSD { // whose rc.subr(8) evaluates them: apexd gives no other
				extra = extra[:1]
			}
			keeper := []string{"--keeper", string(kind), "--scope", "system", "--service", r.name()}
			call := func(verb string, more ...string) []string {
				return append(append(slices.Clone(script), sysv.Verb(kind, verb)), more...)
			}
			rows = append(
				rows,
				row{call("start", extra...), slices.Concat([]string{"as", r.User, "start"}, r.place(), keeper, extra)},
				row{call("restart", extra...), slices.Concat([]string{"as", r.User, "restart"}, r.place(), keeper, extra)},
				row{call("stop", extra...), slices.Concat([]string{"as", r.User, "stop"}, r.place(), extra)},
				row{call("reload"), slices.Concat([]string{"as", r.User, "reload"}, r.place())},
				row{call("status"), slices.Concat([]string{"as", r.User, "status"}, r.place())},
			)
		}
		for _, tt := range rows {
			env, args := told(t, dir, tt.argv...)
			if want := append([]string{"PATH=" + r.Path}, r.Env...); !slices.Equal(env, want) {
				t.Errorf("%q: the environment is %q, want %q", tt.argv, env, want)
			}
			if !slices.Equal(args, tt.args) {
				t.Errorf("%q: the arguments are\n%q, want\n%q", tt.argv, args, tt.args)
			}
		}
	}
}
