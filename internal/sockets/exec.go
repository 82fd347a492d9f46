package sockets

// Verb is the first argument by which main has this program be Exec. It is no command for people.
const Verb = "exec-with-sockets"
