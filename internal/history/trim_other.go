//go:build !unix

package history

// replaceWhileOpen: MoveFileEx refuses a target that is open without FILE_SHARE_DELETE, and os.OpenFile does not give it.
const replaceWhileOpen = false
