package traffic

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// sealInitial makes a first packet of QUIC 1 that carries the beginning of the handshake
// (RFC 9001, section 5).
func sealInitial(k *quicKeys, destination []byte, number byte, hello []byte) []byte {
	plain := append([]byte{6, 0, 0x40 | byte(len(hello)>>8), byte(len(hello))}, hello...)
	plain = append(plain, make([]byte, max(0, 600-len(plain)))...) // padding
	header := append([]byte{0xc0, 0, 0, 0, 1, byte(len(destination))}, destination...)
	header = append(header, 0, 0) // no name of the sender, no token
	header = binary.BigEndian.AppendUint16(header, 0x4000|uint16(1+len(plain)+16))
	at := len(header)
	header = append(header, number)
	nonce := k.iv
	nonce[len(nonce)-1] ^= number
	packet := k.aead.Seal(header, nonce[:], plain, header)
	var mask [16]byte
	k.hide.Encrypt(mask[:], packet[at+4:at+20])
	packet[0] ^= mask[0] & 0x0f
	packet[at] ^= mask[1]
	return packet
}

// TestQUICRetry: the server has the client begin again, and the keys change with the
// name of the connection.
func TestQUICRetry(t *testing.T) {
	const recorded = 5 // the header of the record that QUIC does without
	hello := clientHello("a.test")[recorded:]
	answer := handshakeMessage(handshakeServerHello, append(make([]byte, 34), 0, 0x13, 1, 0, 0, 0))
	first, second := []byte("12345678"), []byte("abcdefgh")
	server := netipPort(serverAt, 443)
	said := func(r *Report) any { return fmt.Sprint(r.TLS.ClientHellos, r.TLS.ServerHellos, r.TLS.ServerNames) }
	runRows(t, []row{
		{"at once", func(m *made) {
			keys := initialKeys(quic1, first)
			m.udp(clientAt, server, sealInitial(keys[0], first, 0, hello))
			m.udp(server, clientAt, sealInitial(keys[1], nil, 0, answer))
		}, said, "1 1 1"},
		{"after a Retry", func(m *made) {
			m.udp(clientAt, server, sealInitial(initialKeys(quic1, first)[0], first, 0, hello))
			m.udp(server, clientAt, append(append([]byte{0xf0, 0, 0, 0, 1, 0, byte(len(second))}, second...), make([]byte, 40)...))
			keys := initialKeys(quic1, second)
			m.udp(clientAt, server, sealInitial(keys[0], second, 1, hello))
			m.udp(server, clientAt, sealInitial(keys[1], nil, 0, answer))
		}, said, "1 1 1"},
	})
}
