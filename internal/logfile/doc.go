// Package logfile keeps a daemon's log: the workload's raw output and the daemon's own lines in one file, bounded by rotation, with a sparse time index
// beside it. Writer and Relay are for the daemon; Show and Tail read, follow, filter and neutralise it for people. Bytes are kept as they came: the rotated
// files, oldest first, joined together are the output. On disk are never more than (MaxFiles + 1) × MaxSize bytes, plus at most some 110 KiB of index for each
// file and, while one is being compressed, its compressed form; unless the directory refuses the renaming, when keeping every line goes before keeping the bound.
package logfile
