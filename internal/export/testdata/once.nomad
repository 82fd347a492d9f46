# shop-0123456789ab: the daemon "daemon", made by "apexd export nomad". Make it anew after the configuration has changed.
# The image has the project in /app and apexd in its PATH (docs/engines.md). nomad job run FILE
# - api.address: the built-in API server answers in the container alone: nothing is published
# - readiness: Nomad's own checks are of http and tcp on a published port; "apexd status --ready" is a check of type script, which needs Consul

job "shop-0123456789ab" {
  type = "service"

  group "daemon" {
    count = 1

    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    task "daemon" {
      driver = "docker"
      kill_signal  = "SIGTERM" # apexd sends the workload SIGTERM
      kill_timeout = "15s" # stopTimeout 10s and 5s more

      config {
        image      = "shop-0123456789ab:latest"
        entrypoint = ["apexd"]
        args       = ["run"]
        mount { # record, history, and the log within its bounds
          type   = "tmpfs"
          target = "/run/apexd"
          tmpfs_options {
            size = 79691776
            mode = 1023 # 1777
          }
        }
      }

      env {
        APEX_PROJECT_PATH = "/app"
        APEX_DAEMON_NAME = "daemon"
        APEX_PID_FILE = "/run/apexd/daemon.pid"
        APEX_LOG_FILE = "/run/apexd/daemon.log"
        XDG_STATE_HOME = "/run/apexd"
      }
    }
  }
}
