// check.mjs MODULE APEXD DIRECTORY: the five methods of ADR-051 against a real daemon.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'

const [module, apexd, projectPath] = process.argv.slice(2)
const { DaemonManager, DaemonError } = await import(pathToFileURL(module))

const errors = []
const command = [process.execPath, '-e', 'console.log("up"); setInterval(() => {}, 1000)']
const daemon = new DaemonManager({ apexd, projectPath, command, onError: (e) => errors.push(e.code) })

assert.equal(await daemon.isDaemonRunning(), false)
assert.equal((await daemon.getStatus()).state, 'stopped')
assert.equal(await daemon.stopDaemon(), true) // none ran: no error

const pid = await daemon.startDaemon()
assert.ok(Number.isInteger(pid) && pid > 0)
process.kill(pid, 0) // throws where there is no such process

const status = await daemon.getStatus()
assert.equal(status.running, true)
assert.equal(status.pid, pid)
assert.ok(status.startedAt instanceof Date && Math.abs(Date.now() - status.startedAt) < 600_000)
assert.ok(Number.isInteger(status.uptime) && status.uptime >= 0)

await assert.rejects(daemon.startDaemon(), (e) => e instanceof DaemonError && e.code === 'ALREADY_RUNNING' && e.pid === pid)
assert.deepEqual(errors, ['ALREADY_RUNNING'])

assert.equal(await daemon.stopDaemon(), true)
assert.equal(await daemon.isDaemonRunning(), false)

const again = await daemon.startDaemon()
assert.notEqual(again, pid)
assert.equal(await daemon.killDaemon(), true)
assert.equal(await daemon.isDaemonRunning(), false)

const broken = new DaemonManager({ apexd, projectPath, name: 'broken', command: [apexd + '-none'] })
await assert.rejects(broken.startDaemon(), (e) => e.code === 'START_FAILED' && e.hint.length > 0)
assert.equal((await broken.getStatus()).running, false)

const missing = new DaemonManager({ apexd: apexd + '-none', projectPath })
await assert.rejects(missing.getStatus(), DaemonError)
console.log('five methods work')
