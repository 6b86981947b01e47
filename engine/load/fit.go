package load

import (
	"fmt"
	"reflect"
	"time"

	"gumshoe/engine"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	hostPortType = reflect.TypeFor[engine.HostPort]()
	secretType   = reflect.TypeFor[engine.Secret]()
	stringType   = reflect.TypeFor[string]()
	timeType     = reflect.TypeFor[time.Time]()
)

// fits says why a value of type t, the whole of a ${…}, is nothing for an input
// of a check, or "" when it is.
func fits(f *engine.Field, t reflect.Type) string {
	wants := map[engine.Kind]string{
		engine.KindString: "a string", engine.KindNumber: "a number", engine.KindInteger: "a whole number",
		engine.KindBool: "true or false", engine.KindDuration: "a duration", engine.KindSecret: "a secret",
		engine.KindList: "a list", engine.KindMap: "a mapping",
	}
	if f.Format == engine.FormatMoment {
		wants[engine.KindString] = "a time, or a duration for how long ago"
	}
	ok, hint := false, ""
	switch f.Kind {
	case engine.KindString:
		ok = t.Kind() == reflect.String || t == hostPortType || f.Format == engine.FormatMoment && (t == durationType || t == timeType)
		if isScalarType(t) && f.Format != engine.FormatMoment {
			hint = "; string(…) makes one of it"
		}
	case engine.KindNumber:
		ok = isNumber(t)
	case engine.KindInteger:
		ok = isNumber(t) && !isFloat(t)
		if isFloat(t) {
			hint = "; int(…) drops what is behind the point"
		}
	case engine.KindBool:
		ok = t.Kind() == reflect.Bool
	case engine.KindDuration:
		ok = t == durationType
		hint = "; declare an input of type duration and give it whole"
	case engine.KindSecret:
		ok = t == secretType || t.Kind() == reflect.String
	case engine.KindList:
		ok = t.Kind() == reflect.Slice && (isScalarType(t.Elem()))
	case engine.KindMap:
		ok = t.Kind() == reflect.Map && t.Key().Kind() == reflect.String && isScalarType(t.Elem())
	case engine.KindTime, engine.KindObject: // not inputs
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("want %s, but this ${…} gives %s%s", wants[f.Kind], describeType(t), hint)
}

func isFloat(t reflect.Type) bool {
	return t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32
}

func isNumber(t reflect.Type) bool {
	return t != durationType && (isFloat(t) || t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64)
}

func isScalarType(t reflect.Type) bool {
	return isNumber(t) || t.Kind() == reflect.String || t.Kind() == reflect.Bool
}

// describeType names a type in the words users know.
func describeType(t reflect.Type) string {
	switch {
	case t == nil:
		return "nothing"
	case t == durationType:
		return "a duration"
	case t == hostPortType:
		return "host:port"
	case t == secretType:
		return "a secret"
	case t == timeType:
		return "a time"
	case isFloat(t):
		return "a number"
	case isNumber(t):
		return "a whole number"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Struct {
			return "a list of mappings; map(…, .name) takes one field of each"
		}
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	default:
		return "something else"
	}
}
