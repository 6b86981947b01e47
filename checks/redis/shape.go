package redis

import (
	"strconv"
	"strings"
	"unicode"

	"gumshoe/checks/reach"
)

// shape gives the name of a command of the slow log and its first key as a
// pattern. No values are shown, and nothing of what may be a secret.
func shape(argv []reply) (command, key string) {
	command = strings.ToLower(reach.Printable(reach.Clip(argv[0].text, 40)))
	at := 1
	switch command {
	case "config", "client", "cluster", "command", "debug", "function", "latency", "memory", "module",
		"object", "pubsub", "script", "slowlog", "acl", "xgroup", "xinfo":
		if len(argv) > 1 {
			command += " " + strings.ToLower(reach.Printable(reach.Clip(argv[1].text, 40)))
		}
		switch command {
		case "object encoding", "object freq", "object idletime", "object refcount", "memory usage", "xgroup create", "xinfo stream":
			at = 2
		default:
			return command, ""
		}
	case "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro": // script, number of keys, keys
		if n, err := strconv.Atoi(text(argv, 2)); err != nil || n <= 0 {
			return command, ""
		}
		at = 3
	case "auth", "hello", "info", "ping", "echo", "select", "multi", "exec", "flushall", "flushdb", "save", "bgsave",
		"bgrewriteaof", "scan", "dbsize", "sync", "psync", "replconf", "replicaof", "slaveof", "publish", "subscribe",
		"psubscribe", "migrate", "monitor", "shutdown", "swapdb", "wait", "randomkey", "xread", "xreadgroup":
		return command, ""
	case "bitop", "zunion", "zinter", "zdiff", "sintercard", "zintercard", "lmpop", "zmpop":
		at = 2
	}
	return command, pattern(text(argv, at))
}

func text(argv []reply, at int) string {
	if at >= len(argv) {
		return ""
	}
	return argv[at].text
}

// pattern shows of a key, or a pattern of keys, the parts that are short words of
// letters, and * for each other: user:*:cart for user:4711:cart.
func pattern(key string) string {
	const longest, most = 20, 6
	parts := strings.FieldsFunc(key, func(r rune) bool { return r == ':' })
	for i, part := range parts {
		word := len(part) <= longest && strings.IndexFunc(part, func(r rune) bool {
			return r > unicode.MaxASCII || !unicode.IsLetter(r) && r != '_' && r != '-'
		}) < 0
		if !word || len(parts) == 1 && len(part) > 12 {
			parts[i] = "*"
		}
	}
	return strings.Join(parts[:min(len(parts), most)], ":")
}
