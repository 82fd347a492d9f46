package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"github.com/joshuaaferguson/apexd/service"
)

// bus asks over D-Bus.
type bus struct {
	c   *dbus.Conn
	raw *godbus.Conn // one of c's two, for what go-systemd asks without a limit
}

// dial starts no bus (dbus-launch) and needs no environment: sudo, su and cron leave none.
func dial(ctx context.Context, scope service.Scope, uid int) (Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var errs []error
	for _, s := range Sockets(scope, uid, os.Geteuid(), os.Getenv) {
		var b bus
		c, err := dbus.NewConnection(func() (c *godbus.Conn, err error) {
			c, err = shake(ctx, s)
			b.raw = c
			return c, err
		})
		if err == nil {
			b.c = c
			return b, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// shake connects to s and says who we are.
func shake(ctx context.Context, s Socket) (*godbus.Conn, error) {
	c, err := godbus.Dial("unix:path="+godbus.EscapeBusAddressValue(s.Path), godbus.WithContext(context.WithoutCancel(ctx))) // what is called off must be told so
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() }) // whoever listens there may not answer
	defer stop()
	if err = c.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err == nil && !s.Peer {
		err = c.Hello()
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	return c, nil
}

func (b bus) Close() { b.c.Close() }

// ask bounds a question, and makes its error one of ours.
func ask(ctx context.Context, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return busError(question(ctx))
}

// property is one of the manager's own.
func (b bus) property(ctx context.Context, name string, value any) error {
	const call = "org.freedesktop.DBus.Properties.Get"
	o := b.raw.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	var v godbus.Variant
	if err := o.CallWithContext(ctx, call, 0, "org.freedesktop.systemd1.Manager", name).Store(&v); err != nil {
		return err
	}
	return v.Store(value)
}

func (b bus) Facts(ctx context.Context) (f Facts, err error) {
	var version string
	err = ask(ctx, func(ctx context.Context) error {
		return errors.Join(b.property(ctx, "Version", &version), b.property(ctx, "UnitPath", &f.UnitPath))
	})
	if err != nil {
		return f, err
	}
	f.Version = parseVersion(version)
	return f.check(version)
}

func (b bus) Unit(ctx context.Context, name string) (u Unit, err error) {
	err = ask(ctx, func(ctx context.Context) error {
		p, err := b.c.GetAllPropertiesContext(ctx, name)
		var said godbus.Error
		if errors.As(err, &said) && said.Name == "org.freedesktop.DBus.Error.InvalidArgs" {
			p, err = b.some(ctx, name)
		}
		if err == nil {
			u = unitOf(func(k string) string { return text(p[k]) })
		}
		return err
	})
	return u, err
}

// some is what systemd says of a unit that has something which D-Bus cannot say: an argument or a path that is no UTF-8, which makes it refuse to say anything.
func (b bus) some(ctx context.Context, name string) (map[string]any, error) {
	all, err := b.c.GetUnitPropertiesContext(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, key := range properties {
		if _, ok := all[key]; ok {
			continue
		}
		if p, err := b.c.GetUnitTypePropertyContext(ctx, name, unitType(name), key); err == nil { // a socket has no MainPID
			all[key] = p.Value.Value()
		}
	}
	return all, nil
}

// unitType is the D-Bus interface of name's kind of unit.
func unitType(name string) string {
	if strings.HasSuffix(name, ".socket") {
		return "Socket"
	}
	return "Service"
}

func (b bus) Job(ctx context.Context, verb, name string) (string, error) {
	call := map[string]func(context.Context, string, string, chan<- string) (int, error){
		"start": b.c.StartUnitContext, "stop": b.c.StopUnitContext, "restart": b.c.RestartUnitContext, "reload": b.c.ReloadUnitContext,
	}[verb]
	done := make(chan string, 1) // the library writes once, and must not wait for a caller that has gone
	if _, err := call(ctx, name, "replace", done); err != nil {
		return "", busError(err)
	}
	select {
	case result := <-done:
		return result, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%s of %s has not ended: %w", verb, name, context.Cause(ctx))
	}
}

func (b bus) Kill(ctx context.Context, name string, sig syscall.Signal) error {
	return ask(ctx, func(ctx context.Context) error { return b.c.KillUnitWithTarget(ctx, name, dbus.All, int32(sig)) })
}

func (b bus) ResetFailed(ctx context.Context, name string) error {
	return ask(ctx, func(ctx context.Context) error { return b.c.ResetFailedUnitContext(ctx, name) })
}

func (b bus) Reload(ctx context.Context) error { return ask(ctx, b.c.ReloadContext) }

// Enable and Disable have the manager see the links that were made or removed: systemctl(1) reloads after both, too.
func (b bus) Enable(ctx context.Context, name string) error {
	return ask(ctx, func(ctx context.Context) error {
		if _, _, err := b.c.EnableUnitFilesContext(ctx, []string{name}, false, false); err != nil {
			return err
		}
		return b.c.ReloadContext(ctx)
	})
}

func (b bus) Disable(ctx context.Context, name string) error {
	return ask(ctx, func(ctx context.Context) error {
		if _, err := b.c.DisableUnitFilesContext(ctx, []string{name}, false); err != nil {
			return err
		}
		return b.c.ReloadContext(ctx)
	})
}

// busError makes the refusals of dbus-daemon and of systemd (org.freedesktop.systemd1(5), "Security") match ErrDenied.
func busError(err error) error {
	var e godbus.Error
	if errors.As(err, &e) {
		switch e.Name {
		case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
			return fmt.Errorf("%w (%v)", ErrDenied, err)
		case "org.freedesktop.systemd1.NoSuchUnit":
			return fmt.Errorf("%w (%v)", ErrNoUnit, err)
		}
	}
	return err
}
