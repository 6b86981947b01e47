package traffic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// quicKeys open the first packets of one direction (RFC 9001, section 5).
type quicKeys struct {
	aead cipher.AEAD
	hide cipher.Block // of the header
	iv   [12]byte
}

// initialKeys are made of the name that the client gave the connection.
func initialKeys(version uint32, name []byte) [2]*quicKeys {
	salt, label := "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic "
	switch version {
	case quic2:
		salt, label = "0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2 "
	case quicDraft29:
		salt = "afbfec289993d24c9e9786f19c6111e04390a899"
	}
	raw, _ := hex.DecodeString(salt)
	secret, _ := hkdf.Extract(sha256.New, name, raw) // it fails in no way for these sizes
	var keys [2]*quicKeys
	for i, who := range []string{"client in", "server in"} {
		own := expand(secret, who, sha256.Size)
		k := &quicKeys{iv: [12]byte(expand(own, label+"iv", 12))}
		block, _ := aes.NewCipher(expand(own, label+"key", 16))
		k.aead, _ = cipher.NewGCM(block)
		k.hide, _ = aes.NewCipher(expand(own, label+"hp", 16))
		keys[i] = k
	}
	return keys
}

// expand is HKDF-Expand-Label of TLS 1.3 (RFC 8446, section 7.1).
func expand(secret []byte, label string, length int) []byte {
	label = "tls13 " + label
	info := append([]byte{byte(length >> 8), byte(length), byte(len(label))}, label...)
	out, _ := hkdf.Expand(sha256.New, secret, string(append(info, 0)), length)
	return out
}

// open takes the protection off a packet (RFC 9001, section 5.4).
func (k *quicKeys) open(p quicPacket) (plain []byte, ok bool) {
	const sampleAt, sampleSize = 4, 16
	if len(p.data) < p.number+sampleAt+sampleSize {
		return nil, false
	}
	var mask [sampleSize]byte
	k.hide.Encrypt(mask[:], p.data[p.number+sampleAt:p.number+sampleAt+sampleSize])
	header := slices.Clone(p.data[:p.number+4])
	header[0] ^= mask[0] & 0x0f
	size := int(header[0]&3) + 1
	nonce := k.iv
	for i := range size {
		header[p.number+i] ^= mask[1+i]
		nonce[len(nonce)-size+i] ^= header[p.number+i]
	}
	plain, err := k.aead.Open(nil, nonce[:], p.data[p.number+size:], header[:p.number+size])
	return plain, err == nil
}
