# shop-0123456789ab: the daemon "daemon", made by "apexd export nomad". Make it anew after the configuration has changed.
# The image has the project in /app and apexd in its PATH (docs/engines.md). nomad job run FILE
# - restart: apexd starts the workload again in the container; when the container itself ends, after its limit or at once, Nomad starts it again 5 times within 5m0s, 30s apart each time, and goes on after that
# - restart: Nomad starts a task of a service again after a good end too
# - stopTimeout: a client allows 30s, and cuts 1m5s to it, unless its max_kill_timeout says more
# - environmentFile: the values are Nomad variables: nomad var put nomad/jobs/shop-0123456789ab NAME=value …

job "shop-0123456789ab" {
  type = "service"

  group "daemon" {
    count = 1

    restart {
      attempts = 5
      interval = "5m0s"
      delay    = "30s"
      mode     = "delay"
    }

    network {
      port "port-8080" {
        to = 8080
      }
    }

    service {
      name     = "shop-0123456789ab-port-8080"
      provider = "nomad"
      port     = "port-8080"
      check {
        type     = "tcp"
        interval = "10s"
        timeout  = "10s"
      }
    }

    task "daemon" {
      driver = "docker"
      kill_signal  = "SIGTERM" # apexd sends the workload SIGTERM
      kill_timeout = "65s" # stopTimeout 1m0s and 5s more

      config {
        image      = "shop-0123456789ab:latest"
        entrypoint = ["apexd"]
        args       = ["run"]
        ports      = ["port-8080"]
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
      template {
        destination = "secrets/apexd.env"
        env         = true
        data        = <<EOT
{{- with nomadVar "nomad/jobs/shop-0123456789ab" }}{{ range $name, $value := . }}
{{ $name }}={{ $value | toJSON }}
{{- end }}{{ end }}
EOT
      }
    }
  }
}
