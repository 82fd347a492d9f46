// Package install makes a project's daemon known to the machine's service manager, and unknown again. It plans first: a Plan lists the files with their
// differences, what the manager is asked, and what a person should know; Apply carries it out, all of it or nothing. Rendering and planning are pure and the
// same on every system; only what a running manager is asked is not. Each manager is an implementation of Installer.
//
// The library github.com/kardianos/service registers; its detection, its unit, its status and its clean-up are not used (docs/design.md says why).
package install
