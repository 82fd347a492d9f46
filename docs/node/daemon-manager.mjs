// DaemonManager as ADR-051 describes it, on top of apexd. Plain Node 18 or later, no dependency; copy it.
// What it reads of apexd, key by key: docs/json.md.
import { execFile } from 'node:child_process'

/** An error of apexd's: code is stable (docs/errors.md), hint says what to do. */
export class DaemonError extends Error {
  constructor({ code = 'START_FAILED', message, hint, pid, exit, log = [] }) {
    super(message)
    Object.assign(this, { name: 'DaemonError', code, hint, pid, exit, log })
  }
}

export class DaemonManager {
  #options

  /** options: projectPath, name, pidFile, logFile, command (instead of the configured one), apexd (the program), onError */
  constructor(options = {}) {
    this.#options = { projectPath: process.cwd(), apexd: 'apexd', ...options }
  }

  /** Starts the daemon and resolves with its PID when it is ready. Rejects with a DaemonError; ALREADY_RUNNING has the PID too. */
  async startDaemon() {
    const { command = [] } = this.#options
    const after = command.length > 0 ? ['--', ...command] : []
    return (await this.#run('start', [0], after)).answer.pid
  }

  /** Stops gracefully, resolves when every process of the daemon is gone: true, also where none ran. */
  async stopDaemon() {
    await this.#run('stop')
    return true
  }

  /** As stopDaemon, without the grace period. */
  async killDaemon() {
    await this.#run('kill')
    return true
  }

  async isDaemonRunning() {
    return (await this.getStatus()).running
  }

  /** The whole status object of apexd (docs/cli.md), with startedAt as a Date. */
  async getStatus() {
    const { answer } = await this.#run('status', [0, 1, 3, 4]) // running, failed, stopped, cannot tell: all are answers
    return { ...answer, startedAt: answer.startedAt ? new Date(answer.startedAt) : undefined }
  }

  #flags() {
    const { projectPath, name, pidFile, logFile } = this.#options
    const flags = ['--json', '--project', projectPath]
    for (const [flag, value] of [['--name', name], ['--pid-file', pidFile], ['--log-file', logFile]]) {
      if (value !== undefined) flags.push(flag, value)
    }
    return flags
  }

  #run(verb, good = [0], after = []) {
    return new Promise((resolve, reject) => {
      execFile(this.#options.apexd, [verb, ...this.#flags(), ...after], { windowsHide: true, maxBuffer: 1 << 24 }, (failure, stdout, stderr) => {
        const exit = failure === null ? 0 : failure.code
        let answer
        try {
          answer = JSON.parse(stdout)
        } catch {
          answer = undefined
        }
        if (answer !== undefined && answer.error === undefined && good.includes(exit)) return resolve({ answer, exit })
        const error = new DaemonError(answer?.error ?? { message: stderr.trim() || String(failure) })
        this.#options.onError?.(error)
        reject(error)
      })
    })
  }
}
