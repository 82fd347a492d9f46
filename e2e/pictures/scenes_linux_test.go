package pictures

// width is that of every picture, in cells: a README on GitHub shows a little more without making it smaller.
const width = 104

// scene is one picture.
type scene struct {
	file  string            // in docs/img, without ".svg"
	title string            // on the bar above it
	alt   string            // what it says to who cannot see it
	files map[string]string // of the project, by path in the home directory
	dir   string            // where the commands are typed, in the home directory
	setUp []string          // commands that are not shown
	await [2]string         // what has to be meanwhile: a directory in the home directory, and the state of its daemon
	steps []step
}

// A scene must be the same on a slow machine: whatever is shown to run, or to fail at its start, has a readiness that says so.

// step is a command as it is typed. One that goes on until a key ends it has keys, each with what is waited for before it is pressed.
type step struct {
	command string
	keys    [][2]string
}

const server = `require("http").createServer((_, r) => r.end("hello\n"))
  .listen(8080, "127.0.0.1", () => console.log("listening on http://127.0.0.1:8080"))
`

// worker uses a little of a processor.
const worker = `import hashlib, time
while True:
    end = time.process_time() + 0.02
    while time.process_time() < end:
        hashlib.sha256(b"x" * 4096).digest()
    time.sleep(0.2)
`

func scenes() []scene {
	first := scene{
		file: "first-run", title: "~/shop", dir: "shop",
		alt:   "A terminal: apexd init writes the configuration, apexd start returns when the server listens, status shows it with its PID, logs its output, and stop ends it.",
		files: map[string]string{"shop/server.js": server},
		steps: []step{
			{command: "apexd init --ready /listening/ -- node server.js"}, {command: "apexd start"}, {command: "apexd status"}, {command: "apexd logs"}, {command: "apexd stop"},
		},
	}
	top := scene{
		file: "top", title: "apexd top", dir: "shop",
		alt: "A terminal with apexd top: a table of five daemons in four projects with state, readiness, PID, uptime, restarts, CPU, memory and address; three run, one waits for its next try, one has failed.",
		files: map[string]string{
			"shop/server.js": server,
			"shop/.apex/config.yaml": "daemon: {command: [node, server.js], readiness: {type: http, url: 'http://127.0.0.1:8080/'}}\n" +
				"daemons: {worker: {command: [python3, worker.py]}}\n",
			"shop/worker.py":         worker,
			"blog/.apex/config.yaml": "daemon: {command: [python3, -m, http.server, '8000', --bind, 127.0.0.1], readiness: {type: tcp, address: '127.0.0.1:8000'}}\n",
			"mail/.apex/config.yaml": "daemon: {command: [sh, -c, 'read -r _ <gate; exit 1'], restart: {delay: 10m}}\n",
			"feed/.apex/config.yaml": "daemon: {command: [sh, -c, 'exit 1'], readiness: notify}\n",
		},
		setUp: []string{
			"apexd start -q && apexd start -q --name worker && cd ../blog && apexd start -q", "cd ../feed && ! apexd start -q",
			"cd ../mail && mkfifo gate && apexd start -q && echo >gate",
		},
		await: [2]string{"mail", "restarting"},
		steps: []step{{"apexd top --interval 1s", [][2]string{{"q quits", "p"}, {"%", "q"}}}},
	}
	failed := scene{
		file: "failed", title: "~/api", dir: "api",
		alt: "A terminal: apexd start shows the last words of a program that ended at once; status says failed, with the reason and the next command; doctor names the problem and how to mend it.",
		files: map[string]string{
			"api/api.py":            "import os, sys\nif not os.environ.get('DATABASE_URL'):\n    sys.exit('api: DATABASE_URL is not set')\n",
			"api/.apex/config.yaml": "daemon: {command: [python3, api.py], readiness: {type: log, pattern: listening}}\n",
		},
		steps: []step{{command: "apexd start"}, {command: "apexd status"}, {command: "apexd doctor"}},
	}
	return []scene{first, top, failed}
}
