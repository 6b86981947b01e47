package expression

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a value during evaluation. x is a bool, int, float64, string,
// time.Time, time.Duration, *items, or the reflect.Value of a struct or map.
type value struct {
	x    any
	gaps *gaps
	at   *place
}

// place is where a value was read: a linked path from the root.
type place struct {
	up    *place
	name  string // a field's; quoted in brackets when key is set
	index int
	sort  placeSort
}

type placeSort uint8

const (
	atField placeSort = iota
	atKey
	atIndex
)

func (p *place) String() string {
	if p == nil {
		return ""
	}
	var parts []*place
	for ; p != nil; p = p.up {
		parts = append(parts, p)
	}
	var b strings.Builder
	for _, part := range slices.Backward(parts) {
		switch q := part; q.sort {
		case atIndex:
			fmt.Fprintf(&b, "[%d]", q.index)
		case atKey:
			fmt.Fprintf(&b, "[%q]", q.name)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(q.name)
		}
	}
	return b.String()
}

// items is a list during evaluation: a Go slice as observed, or values made
// from one.
type items struct {
	raw  reflect.Value
	made []value
	gaps *gaps
	at   *place
}

func (l *items) len() int {
	if l.raw.IsValid() {
		return l.raw.Len()
	}
	return len(l.made)
}

// item reads an element; i is in range.
func (l *items) item(i int) (value, *cause) {
	if l.raw.IsValid() {
		at := &place{up: l.at, index: i, sort: atIndex}
		return load(l.raw.Index(i), at, l.gaps.of(strconv.Itoa(i)))
	}
	return l.made[i], nil
}

// all reads every element of a list that has to be complete.
func (l *items) all() ([]value, *cause) {
	if why := l.gaps.here(); why != nil {
		return nil, why
	}
	values := make([]value, l.len())
	for i := range values {
		v, why := l.item(i)
		if why != nil {
			return nil, why
		}
		values[i] = v
	}
	return values, nil
}

// numbers reads every element as a number.
func (l *items) numbers() ([]float64, *cause) {
	values, why := l.all()
	if why != nil {
		return nil, why
	}
	numbers := make([]float64, len(values))
	for i, v := range values {
		numbers[i] = float(v.x)
	}
	return numbers, nil
}

// load reads a Go value as an expression sees it.
func load(v reflect.Value, at *place, g *gaps) (value, *cause) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	result := value{gaps: g, at: at}
	switch k := v.Kind(); k {
	case reflect.Slice, reflect.Array:
		result.x = &items{raw: v, gaps: g, at: at}
		return result, nil
	case reflect.Map:
		result.x = v
		return result, nil
	}
	if why := g.here(); why != nil {
		return value{}, why
	}
	switch k := v.Kind(); k {
	case reflect.Bool:
		result.x = v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			result.x = time.Duration(v.Int())
			break
		}
		result.x = int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n <= math.MaxInt64 {
			result.x = int(n)
		} else {
			result.x = float64(n)
		}
	case reflect.Float32, reflect.Float64:
		if !finite(v.Float()) {
			return value{}, &cause{reason: at.String() + ": not a finite number"}
		}
		result.x = v.Float()
	case reflect.String:
		result.x = v.String()
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			result.x = t
			break
		}
		result.x = v
	default:
		return value{}, &cause{reason: at.String() + ": there is nothing to read"}
	}
	return result, nil
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func float(x any) float64 {
	if n, ok := x.(int); ok {
		return float64(n)
	}
	f, _ := x.(float64)
	return f
}

// goValue gives a value as a Go value of a type that it fits.
func goValue(v value, t reflect.Type) reflect.Value {
	out := reflect.New(t).Elem()
	switch x := v.x.(type) {
	case *items:
		if x.raw.IsValid() && x.raw.Type() == t {
			return x.raw
		}
		out = reflect.MakeSlice(t, x.len(), x.len())
		for i := range x.len() {
			if element, why := x.item(i); why == nil {
				out.Index(i).Set(goValue(element, t.Elem()))
			}
		}
	case reflect.Value:
		return x
	default:
		out.Set(reflect.ValueOf(x).Convert(t))
	}
	return out
}
