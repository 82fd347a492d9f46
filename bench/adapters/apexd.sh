# apexd: one project directory a workload, one resident daemon a project (direct mode), which copies the workload's output into its log.
# settle is 0: `start` returns when the workload has been executed, as the other tools' do.
# @default leaves readiness and the restart policy as they are out of the box.
TRAITS="restart log many cold"
NOTE_RESTART="no delay, no limit"
[ "${B_VARIANT:-}" != default ] || NOTE_RESTART="500 ms x2, 5 in 60 s (default)"
dir() { echo "$B_DIR/p/$1"; }
probe() { has apexd && apexd --version; }
env_of() { echo "XDG_STATE_HOME=$B_DIR/state"; } # where the user's daemons are listed: not among the real ones
ax() { XDG_STATE_HOME=$B_DIR/state apexd "$@"; }
setup() {
  for n in $(names); do
    mkdir -p "$(dir "$n")/.apex"
    { printf 'daemon:\n  command: ["%s", "%s"' "$B_BIN/wl" "$B_DIR/ev.$n"
      for a in $(args_of "$n"); do printf ', "%s"' "$a"; done
      printf ']\n'
      # every tool here keeps what is written: 5 files of 200 MB, as s6-log is told to
      printf '  log: {maxSize: 200MB, maxFiles: 5, compress: false}\n'
      printf '  logLevel: error\n' # the driver takes apexd's own lines for torn ones
      if [ "${B_VARIANT:-}" != default ]; then
        printf '  readiness: {type: started, settle: 0s}\n  restart: {policy: always, delay: 0s, limit: 0, jitter: 0}\n'
      fi
    } > "$(dir "$n")/.apex/config.yaml"
  done
}
# the daemon's PID: the record's first field (a planted one is a bare number and is never stopped from here)
pid() { grep -o '^ *{\?[[:space:]]*"pid": *[0-9]*' "$(dir "$1")/.apex/daemon.pid" 2>/dev/null | grep -o '[0-9]*$' | head -n 1; }
teardown() {
  for n in $(names); do
    p=$(pid "$n"); [ -n "$p" ] || continue
    ax stop --project "$(dir "$n")" >/dev/null 2>&1
    case $(readlink "/proc/$p/exe" 2>/dev/null) in */apexd) term "$p" 5 ;; esac
  done
  return 0
}
start() { argv apexd start --project "$(dir "$1")"; }
stop() { argv apexd stop --project "$(dir "$1")"; }
status() { argv apexd status --project "$(dir "$1")"; }
status_all() { argv apexd list; }
residents() { for n in $(names); do pid "$n"; done; }
logfiles() { ls -v -r "$(dir "$1")"/.apex/daemon.log.[0-9]* 2>/dev/null; echo "$(dir "$1")/.apex/daemon.log"; }
plant() { echo "$2" > "$(dir "$1")/.apex/daemon.pid"; }
is_running() { case $1 in 0) echo running ;; 1 | 3) echo stopped ;; *) echo unknown ;; esac; }
