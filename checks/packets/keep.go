package packets

import (
	"errors"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/livecapture"
	"gumshoe/engine"
)

// kept is the file that packets are kept in. The packets in it have the numbers
// that the findings give, as none before the first that has no room is left out.
type kept struct {
	file    *engine.AttachmentWriter // nil when nothing is kept
	writer  *capturefile.Writer
	headers bool
	indexes map[int]int // of the writer's interfaces, by the capture's
	packets int64
	err     error
}

// newKept begins the file, if one is wanted and can be kept.
func newKept(call *engine.Call, in CaptureInput) *kept {
	k := &kept{headers: in.Keep == "headers", indexes: map[int]int{}}
	if in.Keep == "none" {
		return k
	}
	title := "the packets, as far as they were captured"
	if k.headers {
		title = "the headers of the packets"
	}
	file, err := call.Attach("packets.pcapng", title)
	if err != nil {
		if !errors.Is(err, engine.ErrNotKept) {
			k.err = err
		}
		return k
	}
	if k.writer, k.err = capturefile.NewWriter(file, maxKept); k.err != nil {
		k.err = errors.Join(k.err, file.Discard())
		return k
	}
	k.file = file
	return k
}

// take keeps a packet that was just analysed.
func (k *kept) take(c *capturing, p *capturefile.Packet) {
	if k.file == nil || k.err != nil || k.writer.Full() {
		return
	}
	index, known := k.indexes[p.Interface]
	if !known {
		at := c.source.Interfaces()[p.Interface]
		if index, k.err = k.writer.Interface(at); k.err != nil {
			return
		}
		k.indexes[p.Interface] = index
	}
	one := *p
	one.Interface = index
	if k.headers {
		one.Data = p.Data[:c.analysis.Headers()]
	}
	var taken bool
	if taken, k.err = k.writer.Write(&one); taken {
		k.packets++
	}
}

// close ends the file. It tells why there is none, or "".
func (k *kept) close(counts livecapture.Statistics) string {
	if k.file == nil {
		return text(k.err)
	}
	if len(k.indexes) > 0 {
		k.writer.Count(0, counts.File())
	}
	if k.err == nil {
		k.err = k.writer.Close()
	}
	if k.err == nil && k.packets > 0 {
		k.err = k.file.Close()
	} else {
		k.err = errors.Join(k.err, k.file.Discard())
	}
	k.file = nil
	return text(k.err)
}

// discard removes a file that was not closed.
func (k *kept) discard() {
	if k.file != nil {
		_ = k.file.Discard() // the look has failed, and tells why by itself
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
