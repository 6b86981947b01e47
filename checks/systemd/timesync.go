package systemd

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/godbus/dbus/v5"
)

// TimeSync is what systemd-timesyncd says of its last exchange with a server.
type TimeSync struct {
	// Server is the name of the server; "" before the first exchange.
	Server string
	// OffsetSeconds is how far our clock was ahead of the server's. It has been
	// corrected, or is being corrected, since then.
	OffsetSeconds float64
	// Stratum is the server's distance from a reference clock.
	Stratum int
	// Exchanges is the number of answers so far; with 0 the rest means nothing.
	Exchanges uint64
}

// Names of timesyncd on the bus (org.freedesktop.timesync1(5)).
const (
	timesyncName      = "org.freedesktop.timesync1"
	timesyncPath      = "/org/freedesktop/timesync1"
	timesyncInterface = "org.freedesktop.timesync1.Manager"
)

// BusPath is where the message bus listens.
func BusPath(run string) string { return filepath.Join(run, "dbus", "system_bus_socket") }

// ntpMessage is the property NTPMessage: times in microseconds.
type ntpMessage struct {
	Leap, Version, Mode, Stratum uint32
	Precision                    int32
	RootDelay, RootDispersion    uint64
	Reference                    []byte
	Origin, Receive              uint64
	Transmit, Destination        uint64
	Ignored                      bool
	PacketCount, Jitter          uint64
}

// AskTimeSync asks systemd-timesyncd, over the message bus.
func AskTimeSync(ctx context.Context, run string) (TimeSync, error) {
	var t TimeSync
	conn, err := dbus.Connect("unix:path="+BusPath(run), dbus.WithContext(ctx))
	if err != nil {
		return t, err
	}
	defer conn.Close()
	manager := conn.Object(timesyncName, timesyncPath)
	get := func(property string, into any) error {
		var value dbus.Variant
		err := manager.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, timesyncInterface, property).Store(&value)
		if err != nil {
			return err
		}
		return value.Store(into)
	}
	if err := get("ServerName", &t.Server); err != nil {
		return t, fmt.Errorf("property ServerName: %w", err)
	}
	var m ntpMessage
	if err := get("NTPMessage", &m); err != nil {
		return t, fmt.Errorf("property NTPMessage: %w", err)
	}
	t.Exchanges, t.Stratum = m.PacketCount, int(m.Stratum)
	// RFC 5905, 8: theta, the server's clock minus ours.
	theta := (float64(int64(m.Receive-m.Origin)) + float64(int64(m.Transmit-m.Destination))) / 2
	t.OffsetSeconds = -theta / 1e6
	return t, nil
}
