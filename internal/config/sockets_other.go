//go:build !unix

package config

// haveSockets: Windows has nothing like sd_listen_fds(3) that programs would know of.
const haveSockets = false
