package checktest

import (
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// TimeServer answers each question of NTP as reply makes it from a sound answer of a
// server whose clock is ahead of ours, negative: behind. nil in place of reply is the
// sound answer, and nil from it is silence. It gives the port on 127.0.0.1.
func TimeServer(t testing.TB, ahead time.Duration, reply func(answer []byte) []byte) (port int) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		request := make([]byte, 1024)
		for {
			n, from, err := conn.ReadFrom(request)
			if err != nil {
				return
			}
			if n < 48 {
				continue
			}
			answer := make([]byte, 48)
			answer[0], answer[1], answer[2], answer[3] = 0x24, 1, request[2], 0xEC // version 4, server; stratum 1; 2^-20 s
			copy(answer[12:], "GPS\x00")
			now := time.Now().Add(ahead)
			putNTPTime(answer[16:], now.Add(-time.Second))
			copy(answer[24:32], request[40:48])
			putNTPTime(answer[32:], now)
			putNTPTime(answer[40:], time.Now().Add(ahead))
			if reply != nil {
				answer = reply(answer)
			}
			if answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).Port //nolint:forcetypeassert // of udp
}

func putNTPTime(to []byte, t time.Time) {
	const from1900 = 2208988800
	binary.BigEndian.PutUint32(to, uint32(t.Unix()+from1900))
	binary.BigEndian.PutUint32(to[4:], uint32(uint64(t.Nanosecond())<<32/1e9))
}
