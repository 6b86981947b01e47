package engine

import (
	"reflect"
)

// EachType is the type of one element of what a step with each: observes: the
// fields of the check's output, after a field item that says for which value of
// each: it was observed.
func EachType(out reflect.Type) reflect.Type {
	fields := make([]reflect.StructField, 0, out.NumField()+1)
	fields = append(fields, reflect.StructField{
		Name: "EachItem", Type: reflect.TypeFor[string](), Tag: `json:"item" expr:"item"`,
	})
	for f := range out.Fields() {
		fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
	}
	return reflect.StructOf(fields)
}

// eachValue makes an element of a type that EachType gave. A nil output leaves
// its fields zero.
func eachValue(t reflect.Type, item string, out any) reflect.Value {
	v := reflect.New(t).Elem()
	v.Field(0).SetString(item)
	if out != nil {
		from := reflect.ValueOf(out)
		for i := range from.NumField() {
			v.Field(i + 1).Set(from.Field(i))
		}
	}
	return v
}
