package traffic

import "strconv"

// alert is an alert that can be read: those after the handshake are encrypted.
type alert struct {
	level, description byte
	encrypted          bool
	byServer           bool
	server             endpoint
}

// readAlert takes an alert (RFC 8446, section 6).
func (a *Analysis) readAlert(body []byte) {
	w := alert{encrypted: len(body) != 2, byServer: a.frame.byServer, server: a.frame.server}
	if !w.encrypted {
		w.level, w.description = body[0], body[1]
	}
	if !w.tells() {
		return
	}
	a.tls.alertsDropped += count(&a.tls.told, w, maxAlerts)
	if w.fails() {
		a.tls.failures++
		a.note(subject{kind: KindTLSAlert, about: w.server.String() + " " + alertName(w.description)}, "the "+w.side()+" says "+alertName(w.description))
	}
}

// tells says whether the alert has a reason that can be read.
func (w alert) tells() bool { return !w.encrypted && w.description != closeNotify }

// fails says whether somebody gives up for that reason: with a warning of these
// kinds nobody does (RFC 5246, section 7.2; RFC 6066, section 3).
func (w alert) fails() bool {
	harmless := w.description == userCanceled || w.description == noRenegotiation || w.description == unrecognizedName
	return w.tells() && (w.level != warning || !harmless)
}

// What an alert may say.
const (
	warning          = 1
	closeNotify      = 0
	userCanceled     = 90
	noRenegotiation  = 100
	unrecognizedName = 112
)

func (w alert) side() string {
	if w.byServer {
		return "server"
	}
	return "client"
}

// alertName is that of RFC 8446, section 6.
func alertName(description byte) string {
	switch description {
	case closeNotify:
		return "close_notify"
	case 10:
		return "unexpected_message"
	case 20:
		return "bad_record_mac"
	case 22:
		return "record_overflow"
	case 40:
		return "handshake_failure"
	case 42:
		return "bad_certificate"
	case 43:
		return "unsupported_certificate"
	case 44:
		return "certificate_revoked"
	case 45:
		return "certificate_expired"
	case 46:
		return "certificate_unknown"
	case 47:
		return "illegal_parameter"
	case 48:
		return "unknown_ca"
	case 49:
		return "access_denied"
	case 50:
		return "decode_error"
	case 51:
		return "decrypt_error"
	case 70:
		return "protocol_version"
	case 71:
		return "insufficient_security"
	case 80:
		return "internal_error"
	case 86:
		return "inappropriate_fallback"
	case userCanceled:
		return "user_canceled"
	case noRenegotiation:
		return "no_renegotiation"
	case 109:
		return "missing_extension"
	case 110:
		return "unsupported_extension"
	case unrecognizedName:
		return "unrecognized_name"
	case 113:
		return "bad_certificate_status_response"
	case 115:
		return "unknown_psk_identity"
	case 116:
		return "certificate_required"
	case 120:
		return "no_application_protocol"
	}
	return "alert_" + strconv.Itoa(int(description))
}
