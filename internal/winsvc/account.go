package winsvc

import "strings"

// The accounts that need no password. A virtual account is one service's own, made by Windows with it, and as unprivileged as LocalService (Microsoft, "Service Accounts").
const (
	LocalService   = `NT AUTHORITY\LocalService`
	NetworkService = `NT AUTHORITY\NetworkService`
	LocalSystem    = `LocalSystem`
	virtualPrefix  = `NT SERVICE\`
)

// VirtualAccount is the account that Windows has for the service called name.
func VirtualAccount(name string) string { return virtualPrefix + name }

// Account is the full name of the account that a person calls s, for the service called name: "LocalService", "virtual", "System", "DOMAIN\user", "user".
func Account(s, name string) string {
	switch strings.ToLower(strings.TrimPrefix(strings.ToLower(s), `nt authority\`)) {
	case "", "virtual":
		return VirtualAccount(name)
	case "localservice", "local service":
		return LocalService
	case "networkservice", "network service":
		return NetworkService
	case "localsystem", "system", `.\localsystem`:
		return LocalSystem
	}
	if !strings.ContainsAny(s, `\@`) {
		return `.\` + s // of this machine
	}
	return s
}

// Privileged reports whether account may do everything, so that nobody else must be able to say what it runs. A user's account is taken for one: what groups it is in
// is not looked at.
func Privileged(account string) bool {
	return !strings.EqualFold(account, LocalService) && !strings.EqualFold(account, NetworkService) && !IsVirtual(account)
}

// NeedsPassword reports whether the SCM wants one for account. A managed account of a domain ends with "$" and has none to give.
func NeedsPassword(account string) bool {
	return Privileged(account) && account != LocalSystem && !strings.HasSuffix(account, "$")
}

// IsVirtual reports whether account is a service's own.
func IsVirtual(account string) bool {
	return len(account) > len(virtualPrefix) && strings.EqualFold(account[:len(virtualPrefix)], virtualPrefix)
}

// Shared reports whether every service of this account is the same somebody: what one may, all may. A grant then goes to the service's own SID.
func Shared(account string) bool { return !Privileged(account) && !IsVirtual(account) }
