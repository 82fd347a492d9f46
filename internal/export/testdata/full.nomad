# 9-shop-0123456789ab: the daemon "web.1", made by "apexd export nomad". Make it anew after the configuration has changed.
# The image has the project in /srv/shop-1 and apexd in its PATH (docs/engines.md). nomad job run FILE
# - sockets.admin: 127.0.0.1:9000 is the container's own loopback, which nobody outside of it reaches: write 0.0.0.0:9000 or [::]:9000
# - sockets.any: its port is chosen anew at each start, and cannot be published
# - sockets.ctl: /run/shop.sock is in the container only; a volume that both sides mount shows it to others
# - logLevel: it comes from APEX_LOG_LEVEL, which is not in the image; put it into the project's .apex/config.yaml
# - environment.TOKEN: it comes from /home/u/.config/apexd/config.yaml:3, which is not in the image; put it where the secrets are
# - environmentFile: the configuration names it, so that apexd in the container looks for it too and does not start without: mount it there with mode 0600, or leave the key out
# - workingDirectory: /srv/other is outside of the project; the image has to have it
# - log.store: there is no journal in the container: the log is a file, and standard output
# - restart: apexd starts the workload again in the container; when the container itself ends, after its limit or at once, Nomad starts it again 1 times within 5s, 1s apart each time, and goes on after that
# - environmentFile: the values are Nomad variables: nomad var put nomad/jobs/9-shop-0123456789ab NAME=value …

job "9-shop-0123456789ab" {
  type = "service"

  group "web.1" {
    count = 1

    restart {
      attempts = 1
      interval = "5s"
      delay    = "1s"
      mode     = "delay"
    }

    network {
      port "port-8080" {
        to = 8080
      }
      port "https" {
        to = 8443
      }
      port "port-8443" {
        to = 8443
      }
    }

    service {
      name     = "9-shop-0123456789ab-port-8080"
      provider = "nomad"
      port     = "port-8080"
    }

    service {
      name     = "9-shop-0123456789ab-https"
      provider = "nomad"
      port     = "https"
      check {
        type     = "http"
        path     = "/health?x=1&y=a%20b"
        protocol = "https"
        interval = "10s"
        timeout  = "10s"
      }
    }

    service {
      name     = "9-shop-0123456789ab-port-8443"
      provider = "nomad"
      port     = "port-8443"
    }

    task "web.1" {
      driver = "docker"
      kill_signal  = "SIGTERM" # apexd sends the workload SIGINT
      kill_timeout = "7s" # stopTimeout 1.5s and 5s more

      config {
        image      = "registry.example.org:5000/a/shop:1.2@sha256:0123"
        entrypoint = ["apexd"]
        args       = ["run", "--", "node", "a b", "q\"'\\", "$HOME $(HOME) $$ %h %%{x} %%", "line\nend", "läden 店 😀", ""]
        ports      = ["port-8080", "https", "port-8443"]
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
        APEX_PROJECT_PATH = "/srv/shop-1"
        APEX_DAEMON_NAME = "web.1"
        APEX_PID_FILE = "/run/apexd/web.1.pid"
        APEX_LOG_FILE = "/run/apexd/web.1.log"
        XDG_STATE_HOME = "/run/apexd"
      }
      template {
        destination = "secrets/apexd.env"
        env         = true
        data        = <<EOT
{{- with nomadVar "nomad/jobs/9-shop-0123456789ab" }}{{ range $name, $value := . }}
{{ $name }}={{ $value | toJSON }}
{{- end }}{{ end }}
EOT
      }
    }
  }
}
