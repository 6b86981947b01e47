package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/engine/source"
)

// InputError says what is wrong with one input of a check or of a runbook.
type InputError struct {
	// Key is the input's name.
	Key string
	// Message says what is wrong and what would be right.
	Message string
}

func (e *InputError) Error() string { return e.Key + ": " + e.Message }

// Decode makes a check's input from values by name, as they come from a
// runbook, a command line or an expression. Missing ones take their defaults.
// The result is a value of the In type; every fault is reported, as an
// *InputError, in the order of the fields.
func (s *Struct) Decode(values map[string]any) (any, []*InputError) {
	in := reflect.New(s.Type).Elem()
	var faults []*InputError
	for _, f := range s.Fields {
		value, given := values[f.Name]
		switch {
		case given:
		case f.Required:
			faults = append(faults, &InputError{f.Name, "is needed"})
			continue
		case f.Default != "":
			value = f.Default
		default:
			continue
		}
		v, err := f.convert(value)
		if err != nil {
			faults = append(faults, &InputError{f.Name, err.Error()})
			continue
		}
		in.Field(f.Index).Set(v)
	}
	return in.Interface(), faults
}

// Check tells what is wrong with one value of this input, or nil.
func (f *Field) Check(value any) error {
	_, err := f.convert(value)
	return err
}

// convert turns a value into the field's type, or says what was wanted.
func (f *Field) convert(value any) (reflect.Value, error) {
	out := reflect.New(f.Type).Elem()
	if address, ok := value.(HostPort); ok {
		value = address.String()
	}
	if value != nil && reflect.TypeOf(value) == f.Type && f.Kind != KindString {
		out.Set(reflect.ValueOf(value))
		return out, f.within(out)
	}
	var err error
	switch f.Kind {
	case KindString:
		err = f.convertText(out, value)
	case KindBool:
		switch b := value.(type) {
		case bool:
			out.SetBool(b)
		case string:
			parsed, perr := strconv.ParseBool(b)
			if perr != nil {
				return out, f.want("true or false", value)
			}
			out.SetBool(parsed)
		default:
			return out, f.want("true or false", value)
		}
	case KindInteger:
		n, ok := number(value)
		if !ok || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return out, f.want("a whole number", value)
		}
		if out.CanUint() {
			if n < 0 {
				return out, f.want("a whole number that is not negative", value)
			}
			out.SetUint(uint64(n))
		} else {
			out.SetInt(int64(n))
		}
	case KindNumber:
		n, ok := number(value)
		if !ok {
			return out, f.want("a number", value)
		}
		out.SetFloat(n)
	case KindDuration:
		text, ok := value.(string)
		d, perr := source.ParseDuration(text)
		if !ok || perr != nil {
			return out, f.want(`a duration such as "1.5s" or "15m"`, value)
		}
		out.SetInt(int64(d))
	case KindSecret:
		text, ok := value.(string)
		if !ok {
			return out, f.want("a secret", value)
		}
		out.Set(reflect.ValueOf(NewSecret(text)))
	case KindList:
		err = f.convertList(out, value)
	case KindMap:
		err = f.convertMap(out, value)
	case KindObject, KindTime:
		return out, fmt.Errorf("is not an input")
	}
	if err != nil {
		return out, err
	}
	return out, f.within(out)
}

func (f *Field) convertText(out reflect.Value, value any) error {
	if f.Format == FormatMoment {
		switch v := value.(type) {
		case time.Duration:
			value = v.String()
		case time.Time:
			value = v.Format(time.RFC3339Nano)
		}
	}
	text, ok := value.(string)
	if !ok {
		return f.want("a string", value)
	}
	out.SetString(text)
	return f.wellFormed(text)
}

func (f *Field) convertList(out reflect.Value, value any) error {
	if text, ok := value.(string); ok {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return f.want(`a list, written ["a","b"]`, text)
		}
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Slice {
		return f.want("a list", value)
	}
	list := make([]string, v.Len())
	for i := range list {
		text, ok := scalarText(v.Index(i).Interface())
		if !ok {
			return f.want("a list of strings", v.Index(i).Interface())
		}
		if err := f.wellFormed(text); err != nil {
			return err
		}
		list[i] = text
	}
	if f.Required && len(list) == 0 {
		return fmt.Errorf("is empty")
	}
	out.Set(reflect.ValueOf(list))
	return nil
}

func (f *Field) convertMap(out reflect.Value, value any) error {
	if text, ok := value.(string); ok {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return f.want(`a mapping, written {"name":"value"}`, text)
		}
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String {
		return f.want("a mapping", value)
	}
	m := make(map[string]string, v.Len())
	for _, key := range v.MapKeys() {
		text, ok := scalarText(v.MapIndex(key).Interface())
		if !ok {
			return f.want("a mapping to strings", v.MapIndex(key).Interface())
		}
		if err := f.wellFormed(text); err != nil {
			return fmt.Errorf("%s: %w", key.String(), err)
		}
		m[key.String()] = text
	}
	out.Set(reflect.ValueOf(m))
	return nil
}

// within checks the value against the field's enum and bounds.
func (f *Field) within(v reflect.Value) error {
	switch f.Kind {
	case KindString:
		if len(f.Enum) > 0 && !slices.Contains(f.Enum, v.String()) {
			return fmt.Errorf("%q is not one of %s", v.String(), strings.Join(f.Enum, ", "))
		}
	case KindDuration:
		return f.bounded(time.Duration(v.Int()).Seconds(), func(bound float64) string {
			return source.FormatDuration(time.Duration(bound * float64(time.Second)))
		})
	case KindInteger, KindNumber:
		n, _ := number(v.Interface())
		return f.bounded(n, func(bound float64) string { return strconv.FormatFloat(bound, 'g', -1, 64) })
	case KindBool, KindTime, KindSecret, KindList, KindMap, KindObject:
	}
	return nil
}

func (f *Field) bounded(n float64, show func(float64) string) error {
	switch {
	case n < f.Min:
		return fmt.Errorf("%s is below the least, %s", show(n), show(f.Min))
	case n > f.Max:
		return fmt.Errorf("%s is above the most, %s", show(n), show(f.Max))
	}
	return nil
}

func (f *Field) want(what string, got any) error {
	return fmt.Errorf("want %s, not %s", what, describeValue(got))
}

// wellFormed checks a text against the field's format.
func (f *Field) wellFormed(text string) error {
	if text == "" && !f.Required {
		return nil
	}
	switch f.Format {
	case FormatHostPort:
		_, _, err := SplitHostPort(text)
		return err
	case FormatHost:
		return CheckHost(text)
	case FormatURL:
		return CheckURL(text)
	case FormatPath:
		return CheckPath(text)
	case FormatMoment:
		_, err := ParseMoment(text, time.Now())
		return err
	}
	if f.verify != nil {
		return f.verify(text)
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)

// CheckHost says whether a text is a host name or an IP address.
func CheckHost(text string) error {
	if _, err := netip.ParseAddr(text); err == nil || hostName.MatchString(text) {
		return nil
	}
	return fmt.Errorf("%q is not a host name or an IP address", text)
}

// SplitHostPort splits a host:port and checks both parts.
func SplitHostPort(text string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port (an IPv6 address goes in brackets: [::1]:5432)", text)
	}
	if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("%q: the port is a number from 1 to 65535", text)
	}
	return host, port, CheckHost(host)
}

// CheckURL says whether a text is an absolute URL with a host.
func CheckURL(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("%q is not a URL with a scheme and a host", text)
	}
	return nil
}

// CheckPath says whether a text can be a path: not empty, without NUL.
func CheckPath(text string) error {
	if text == "" || strings.ContainsRune(text, 0) {
		return fmt.Errorf("%q is not a path", text)
	}
	return nil
}

// number reads any numeric value, and a number written as text.
func number(value any) (float64, bool) {
	v := reflect.ValueOf(value)
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), finite(v.Float())
	case v.Kind() == reflect.String:
		n, err := strconv.ParseFloat(v.String(), 64)
		return n, err == nil && finite(n)
	}
	return 0, false
}

func finite(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) }

// scalarText gives a scalar as text; anything else is not one.
func scalarText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool, int, int64, float64, uint64, HostPort:
		return fmt.Sprint(v), true
	}
	return "", false
}

// describeValue names a value in the words users know.
func describeValue(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(v)
	case Secret:
		return "a secret"
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	default:
		return fmt.Sprint(value)
	}
}
