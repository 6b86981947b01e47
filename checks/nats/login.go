package nats

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"

	"gumshoe/engine"
)

// credentials are a user's key to sign with, and its JWT where there is one.
type credentials struct {
	jwt string
	key ed25519.PrivateKey
}

// readCredentials reads a file as nsc makes it. An error never holds what is in it.
func readCredentials(path string) (credentials, error) {
	if path == "" {
		return credentials{}, nil
	}
	const most = 64 << 10
	text, err := os.ReadFile(path)
	if err == nil && len(text) > most {
		err = errors.New("it is larger than 64 KiB")
	}
	if err != nil {
		return credentials{}, engine.Blind("cannot read the credentials", "make "+path+" readable for gumshoe", err)
	}
	c := credentials{jwt: block(string(text), "NATS USER JWT")}
	key := block(string(text), "USER NKEY SEED")
	if c.jwt == "" && key == "" { // the key alone
		key = strings.TrimSpace(string(text))
	}
	seed, ok := seedOf(key)
	if !ok {
		return credentials{}, engine.Blind(path+" holds no credentials of a user", "give the file that nsc generate creds makes, or one with the user's seed", nil)
	}
	c.key = ed25519.NewKeyFromSeed(seed)
	return c, nil
}

// public is the name of a key: in base32 what it is (U for user), the key, and two
// bytes to check them (CRC-16/XMODEM).
func public(key ed25519.PrivateKey) string {
	raw := append([]byte{20 << 3}, key.Public().(ed25519.PublicKey)...)
	var crc uint16
	for _, b := range raw {
		crc ^= uint16(b) << 8
		for range 8 {
			carry := crc >> 15
			crc = crc<<1 ^ carry*0x1021
		}
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append(raw, byte(crc), byte(crc>>8)))
}

// block gives the text between the lines of dashes that name it.
func block(text, name string) string {
	_, rest, found := strings.Cut(text, "BEGIN "+name)
	if !found {
		return ""
	}
	rest = strings.TrimLeft(rest, "-")
	body, _, _ := strings.Cut(rest, "-----")
	return strings.TrimSpace(body)
}

// seedOf decodes the seed of a user's key: in base32 two bytes that say what it is,
// 32 of the seed, and two to check them, which the server does by the signature.
func seedOf(text string) ([]byte, bool) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(raw) != 2+ed25519.SeedSize+2 || raw[0]>>3 != 18 { // S for seed
		return nil, false
	}
	return raw[2 : 2+ed25519.SeedSize], true
}

// hello is the command with which a client logs in.
func (in Input) hello(info greeting, c credentials, tls bool) string {
	said := map[string]any{
		"verbose": false, "pedantic": false, "tls_required": tls, "name": "gumshoe", "lang": "go", "version": "1", "protocol": 1,
		"headers": info.Headers, "no_responders": info.Headers,
	}
	for name, value := range map[string]string{"user": in.Username, "pass": in.Password.Reveal(), "auth_token": in.Token.Reveal(), "jwt": c.jwt} {
		if value != "" {
			said[name] = value
		}
	}
	if c.key != nil {
		if c.jwt == "" {
			said["nkey"] = public(c.key)
		}
		said["sig"] = base64.RawURLEncoding.EncodeToString(ed25519.Sign(c.key, []byte(info.Nonce)))
	}
	text, _ := json.Marshal(said) //nolint:errchkjson // strings and bools always encode
	return "CONNECT " + string(text) + "\r\nPING\r\n"
}
