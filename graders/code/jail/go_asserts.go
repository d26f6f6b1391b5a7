package main

// Stands in for the assertion library that tests of Go programs import, which no jail has. A failed assertion marks the
// test as failed, as the library does; testing.T does the rest.

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

type touchstoneAsserter struct{ t *testing.T }

type touchstoneLibrary struct{}

var assert = touchstoneLibrary{}
var require = touchstoneLibrary{}

func (touchstoneLibrary) New(t *testing.T) *touchstoneAsserter { return &touchstoneAsserter{t} }

func touchstoneSame(a, b interface{}) bool {
	if x, ok := a.([]byte); ok {
		if y, ok := b.([]byte); ok && x != nil && y != nil {
			return bytes.Equal(x, y)
		}
	}
	return reflect.DeepEqual(a, b)
}

func touchstoneNil(a interface{}) bool {
	if a == nil {
		return true
	}
	v := reflect.ValueOf(a)
	switch v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Ptr, reflect.Slice:
		return v.IsNil()
	}
	return false
}

func touchstoneHas(list, item interface{}) bool {
	if s, ok := list.(string); ok {
		return strings.Contains(s, fmt.Sprint(item))
	}
	v := reflect.ValueOf(list)
	if v.Kind() == reflect.Map {
		return v.MapIndex(reflect.ValueOf(item)).IsValid()
	}
	for i := 0; i < v.Len(); i++ {
		if touchstoneSame(v.Index(i).Interface(), item) {
			return true
		}
	}
	return false
}

func (a *touchstoneAsserter) check(ok bool, what string) bool {
	if !ok {
		a.t.Errorf("%s failed", what)
	}
	return ok
}

func (a *touchstoneAsserter) Equal(expected, actual interface{}, _ ...interface{}) bool {
	return a.check(touchstoneSame(expected, actual), "Equal")
}

func (a *touchstoneAsserter) NotEqual(expected, actual interface{}, _ ...interface{}) bool {
	return a.check(!touchstoneSame(expected, actual), "NotEqual")
}

func (a *touchstoneAsserter) EqualValues(expected, actual interface{}, _ ...interface{}) bool {
	if touchstoneSame(expected, actual) {
		return true
	}
	v := reflect.ValueOf(expected)
	if actual == nil || expected == nil || !v.Type().ConvertibleTo(reflect.TypeOf(actual)) {
		return a.check(false, "EqualValues")
	}
	return a.check(touchstoneSame(v.Convert(reflect.TypeOf(actual)).Interface(), actual), "EqualValues")
}

func (a *touchstoneAsserter) True(value bool, _ ...interface{}) bool  { return a.check(value, "True") }
func (a *touchstoneAsserter) False(value bool, _ ...interface{}) bool { return a.check(!value, "False") }
func (a *touchstoneAsserter) Nil(value interface{}, _ ...interface{}) bool {
	return a.check(touchstoneNil(value), "Nil")
}
func (a *touchstoneAsserter) NotNil(value interface{}, _ ...interface{}) bool {
	return a.check(!touchstoneNil(value), "NotNil")
}
func (a *touchstoneAsserter) NoError(err error, _ ...interface{}) bool {
	return a.check(err == nil, "NoError")
}
func (a *touchstoneAsserter) Error(err error, _ ...interface{}) bool {
	return a.check(err != nil, "Error")
}
func (a *touchstoneAsserter) Empty(value interface{}, _ ...interface{}) bool {
	v := reflect.ValueOf(value)
	return a.check(value == nil || v.IsZero() || v.Len() == 0, "Empty")
}
func (a *touchstoneAsserter) Len(value interface{}, size int, _ ...interface{}) bool {
	return a.check(reflect.ValueOf(value).Len() == size, "Len")
}
func (a *touchstoneAsserter) Contains(list, item interface{}, _ ...interface{}) bool {
	return a.check(touchstoneHas(list, item), "Contains")
}
func (a *touchstoneAsserter) NotContains(list, item interface{}, _ ...interface{}) bool {
	return a.check(!touchstoneHas(list, item), "NotContains")
}
func (a *touchstoneAsserter) ElementsMatch(x, y interface{}, _ ...interface{}) bool {
	v, w := reflect.ValueOf(x), reflect.ValueOf(y)
	if v.Len() != w.Len() {
		return a.check(false, "ElementsMatch")
	}
	used := make([]bool, w.Len())
	for i := 0; i < v.Len(); i++ {
		found := false
		for j := 0; j < w.Len() && !found; j++ {
			if !used[j] && touchstoneSame(v.Index(i).Interface(), w.Index(j).Interface()) {
				used[j], found = true, true
			}
		}
		if !found {
			return a.check(false, "ElementsMatch")
		}
	}
	return true
}

func touchstoneNumber(v interface{}) float64 {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Float32, reflect.Float64:
		return r.Float()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(r.Uint())
	}
	return math.NaN()
}

func (a *touchstoneAsserter) InDelta(expected, actual interface{}, delta float64, _ ...interface{}) bool {
	return a.check(math.Abs(touchstoneNumber(expected)-touchstoneNumber(actual)) <= delta, "InDelta")
}
func (a *touchstoneAsserter) InEpsilon(expected, actual interface{}, epsilon float64, _ ...interface{}) bool {
	e := touchstoneNumber(expected)
	return a.check(math.Abs((e-touchstoneNumber(actual))/e) <= epsilon, "InEpsilon")
}
func (a *touchstoneAsserter) Panics(f func(), _ ...interface{}) (ok bool) {
	defer func() { ok = a.check(recover() != nil, "Panics") }()
	f()
	return false
}

func (touchstoneLibrary) Equal(t *testing.T, expected, actual interface{}, _ ...interface{}) bool {
	return assert.New(t).Equal(expected, actual)
}
func (touchstoneLibrary) NotEqual(t *testing.T, expected, actual interface{}, _ ...interface{}) bool {
	return assert.New(t).NotEqual(expected, actual)
}
func (touchstoneLibrary) True(t *testing.T, value bool, _ ...interface{}) bool {
	return assert.New(t).True(value)
}
func (touchstoneLibrary) False(t *testing.T, value bool, _ ...interface{}) bool {
	return assert.New(t).False(value)
}
func (touchstoneLibrary) Nil(t *testing.T, value interface{}, _ ...interface{}) bool {
	return assert.New(t).Nil(value)
}
func (touchstoneLibrary) NoError(t *testing.T, err error, _ ...interface{}) bool {
	return assert.New(t).NoError(err)
}
func (touchstoneLibrary) InDelta(t *testing.T, expected, actual interface{}, delta float64, _ ...interface{}) bool {
	return assert.New(t).InDelta(expected, actual, delta)
}
func (touchstoneLibrary) ElementsMatch(t *testing.T, x, y interface{}, _ ...interface{}) bool {
	return assert.New(t).ElementsMatch(x, y)
}
