// Package journal keeps a daemon's log in the systemd journal: Writer sends each line as an entry with fields and a priority, Show reads them back with
// journalctl(1) as the lines they were, and Choose decides between the journal and the file.
//
// A line is an entry; one longer than 48 KiB is several, all but the last with APEX_PART=more. The fields are MESSAGE, PRIORITY, SYSLOG_IDENTIFIER and
//
//	APEX_PROJECT, APEX_DAEMON  whose it is
//	APEX_STREAM                output, of the workload; lifecycle, of the daemon
//	APEX_WORKLOAD_PID          of output: the workload's main process
//	APEX_LINE                  what a log file would hold, where that is not MESSAGE
//	APEX_PART                  more: the line goes on in the next entry
//
// The sending is not go-systemd's journal.Send. That writes to a socket which is not connected and has no deadline, private to the package: with journald
// stopped it never returns, and such a socket is not woken when a queue full of other programs' entries drains (unix_dgram_sendmsg in the kernel's
// net/unix/af_unix.c registers the wake-up for connected peers only). An entry too large for a datagram goes through a file in /dev/shm, which a
// sandboxed unit may not have; here through a sealed memfd. What go-systemd has without that is used: the priorities, and the test for JOURNAL_STREAM.
package journal
