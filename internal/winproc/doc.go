// Package winproc starts a program of Windows together with everything that it will start, as one tree that ends as one: a job object, which the
// program is in before its first instruction, which nothing of it can leave, and which the kernel ends when this process ends, however it ends.
// Beside that it has what CreateProcess leaves to its caller: command lines, environment blocks, and which file a name means.
package winproc
