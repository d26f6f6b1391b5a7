package main

// Runs inside the candidate's jail: calls the solution as it is told over the channel.
//
// The counterpart of python_driver.py for Go: "load" and "call", one reply to each, plain JSON. Values are converted by
// reflection to what the function declares. It reports values and judges nothing.

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

const touchstoneNodesMax = 1000000

type touchstoneField struct {
	name  string
	value json.RawMessage
}

// Keyword arguments go by the order in which they are written, which a map would lose.
func touchstoneFields(raw json.RawMessage) []touchstoneField {
	var fields []touchstoneField
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.Token()
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		decoder.Decode(&value)
		fields = append(fields, touchstoneField{fmt.Sprint(name), value})
	}
	return fields
}

func touchstoneItems(raw json.RawMessage) []json.RawMessage {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		panic(err)
	}
	return items
}

func touchstoneConvert(raw json.RawMessage, kind reflect.Type) reflect.Value {
	if kind.Kind() == reflect.Ptr && kind.Elem().Kind() == reflect.Struct {
		switch kind.Elem().Name() {
		case "ListNode":
			return touchstoneLinked(raw, kind)
		case "TreeNode":
			return touchstoneTree(raw, kind)
		}
	}
	switch kind.Kind() {
	case reflect.Slice:
		if string(raw) == "null" {
			return reflect.Zero(kind)
		}
		if raw[0] != '"' {
			items := touchstoneItems(raw)
			made := reflect.MakeSlice(kind, len(items), len(items))
			for i, item := range items {
				made.Index(i).Set(touchstoneConvert(item, kind.Elem()))
			}
			return made
		}
		var text string
		json.Unmarshal(raw, &text)
		return reflect.ValueOf(text).Convert(kind)
	case reflect.Uint8, reflect.Int32:
		if raw[0] == '"' {
			var text string
			json.Unmarshal(raw, &text)
			for _, letter := range text {
				return reflect.ValueOf(letter).Convert(kind)
			}
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int64, reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if number, err := strconv.ParseFloat(string(raw), 64); err == nil && strings.ContainsAny(string(raw), ".eE") {
			return reflect.ValueOf(int64(number)).Convert(kind)
		}
	}
	made := reflect.New(kind)
	if err := json.Unmarshal(raw, made.Interface()); err != nil {
		panic(err)
	}
	return made.Elem()
}

func touchstoneLinked(raw json.RawMessage, kind reflect.Type) reflect.Value {
	head := reflect.Zero(kind)
	if string(raw) == "null" {
		return head
	}
	items := touchstoneItems(raw)
	for i := len(items) - 1; i >= 0; i-- {
		node := reflect.New(kind.Elem())
		node.Elem().FieldByName("Val").Set(touchstoneConvert(items[i], node.Elem().FieldByName("Val").Type()))
		node.Elem().FieldByName("Next").Set(head)
		head = node
	}
	return head
}

func touchstoneTree(raw json.RawMessage, kind reflect.Type) reflect.Value {
	if string(raw) == "null" {
		return reflect.Zero(kind)
	}
	items := touchstoneItems(raw)
	nodes := make([]reflect.Value, len(items))
	for i, item := range items {
		nodes[i] = reflect.Zero(kind)
		if string(item) != "null" {
			nodes[i] = reflect.New(kind.Elem())
			nodes[i].Elem().FieldByName("Val").Set(touchstoneConvert(item, nodes[i].Elem().FieldByName("Val").Type()))
		}
	}
	if len(nodes) == 0 {
		return reflect.Zero(kind)
	}
	at := 1
	for _, node := range nodes {
		if node.IsNil() {
			continue
		}
		if at < len(nodes) {
			node.Elem().FieldByName("Left").Set(nodes[at])
		}
		if at+1 < len(nodes) {
			node.Elem().FieldByName("Right").Set(nodes[at+1])
		}
		at += 2
	}
	return nodes[0]
}

func touchstoneEncode(value reflect.Value, depth int) interface{} {
	if depth > 150 {
		panic("nested too deep")
	}
	switch value.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Bool:
		return value.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return value.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return value.Uint()
	case reflect.Float32, reflect.Float64:
		number := value.Float()
		if math.IsNaN(number) {
			return map[string]interface{}{"$": "float", "v": "nan"}
		}
		if math.IsInf(number, 0) {
			return map[string]interface{}{"$": "float", "v": strings.Replace(fmt.Sprint(number), "+", "", 1)}
		}
		return number
	case reflect.String:
		return value.String()
	case reflect.Interface:
		if value.IsNil() {
			return nil
		}
		return touchstoneEncode(value.Elem(), depth)
	case reflect.Slice, reflect.Array:
		items := []interface{}{}
		for i := 0; i < value.Len(); i++ {
			items = append(items, touchstoneEncode(value.Index(i), depth+1))
		}
		return items
	case reflect.Map:
		pairs := []interface{}{}
		keys := value.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return fmt.Sprint(keys[i]) < fmt.Sprint(keys[j]) })
		for _, key := range keys {
			pairs = append(pairs, []interface{}{touchstoneEncode(key, depth+1), touchstoneEncode(value.MapIndex(key), depth+1)})
		}
		return map[string]interface{}{"$": "dict", "v": pairs}
	case reflect.Ptr:
		if value.IsNil() {
			if name := value.Type().Elem().Name(); name == "ListNode" || name == "TreeNode" {
				return []interface{}{}
			}
			return nil
		}
		items := []interface{}{}
		switch value.Elem().Type().Name() {
		case "ListNode":
			for node := value; !node.IsNil(); node = node.Elem().FieldByName("Next") {
				items = append(items, touchstoneEncode(node.Elem().FieldByName("Val"), depth+1))
				if len(items) > touchstoneNodesMax {
					panic("a list without an end")
				}
			}
			return items
		case "TreeNode":
			level := []reflect.Value{value}
			for len(level) > 0 {
				below := []reflect.Value{}
				for _, node := range level {
					if node.IsNil() {
						items = append(items, nil)
						continue
					}
					items = append(items, touchstoneEncode(node.Elem().FieldByName("Val"), depth+1))
					below = append(below, node.Elem().FieldByName("Left"), node.Elem().FieldByName("Right"))
				}
				level = below
				if len(items) > touchstoneNodesMax {
					panic("a tree without an end")
				}
			}
			for len(items) > 0 && items[len(items)-1] == nil {
				items = items[:len(items)-1]
			}
			return items
		}
		return touchstoneEncode(value.Elem(), depth)
	}
	return map[string]interface{}{"$": "object", "v": value.Type().String()}
}

func touchstoneInvoke(function reflect.Value, given []json.RawMessage) ([]reflect.Value, []reflect.Value) {
	kind := function.Type()
	if kind.NumIn() != len(given) || kind.IsVariadic() {
		panic("another number of arguments")
	}
	arguments := make([]reflect.Value, len(given))
	for i, raw := range given {
		arguments[i] = touchstoneConvert(raw, kind.In(i))
	}
	return function.Call(arguments), arguments
}

func touchstoneResult(results []reflect.Value) interface{} {
	switch len(results) {
	case 0:
		return nil
	case 1:
		return touchstoneEncode(results[0], 0)
	}
	items := []interface{}{}
	for _, result := range results {
		items = append(items, touchstoneEncode(result, 0))
	}
	return items
}

func touchstoneCall(request map[string]json.RawMessage) map[string]interface{} {
	given := touchstoneItems(request["args"])
	for _, field := range touchstoneFields(request["kwargs"]) {
		given = append(given, field.value)
	}
	if _, designs := request["operations"]; designs {
		var names []string
		json.Unmarshal(given[0], &names)
		values := touchstoneItems(given[1])
		made, _ := touchstoneInvoke(reflect.ValueOf(touchstoneEntry), touchstoneItems(values[0]))
		owner := made[0]
		if owner.Kind() != reflect.Ptr {
			place := reflect.New(owner.Type())
			place.Elem().Set(owner)
			owner = place
		}
		results := []interface{}{nil}
		for i := 1; i < len(names); i++ {
			method := owner.MethodByName(strings.ToUpper(names[i][:1]) + names[i][1:])
			if !method.IsValid() {
				panic("no method " + names[i])
			}
			out, _ := touchstoneInvoke(method, touchstoneItems(values[i]))
			results = append(results, touchstoneResult(out))
		}
		return map[string]interface{}{"v": results}
	}
	results, arguments := touchstoneInvoke(reflect.ValueOf(touchstoneEntry), given)
	reply := map[string]interface{}{"v": touchstoneResult(results)}
	if len(results) == 0 && len(arguments) > 0 {
		reply["first"] = touchstoneEncode(arguments[0], 0)
	}
	return reply
}

func touchstoneCpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func touchstoneAnswer(request map[string]json.RawMessage) (reply map[string]interface{}) {
	defer func() {
		if failure := recover(); failure != nil {
			text := fmt.Sprint(failure)
			if len(text) > 1000 {
				text = text[:1000]
			}
			reply = map[string]interface{}{"e": map[string]interface{}{"type": "panic", "text": text, "bases": []string{}}}
		}
	}()
	if string(request["op"]) == `"load"` {
		return map[string]interface{}{"v": true}
	}
	return touchstoneCall(request)
}

func main() {
	fd, _ := strconv.Atoi(os.Getenv("TOUCHSTONE_CHANNEL"))
	os.Unsetenv("TOUCHSTONE_CHANNEL")
	channel := os.NewFile(uintptr(fd), "channel")
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(channel, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(channel, body); err != nil {
			return
		}
		var request map[string]json.RawMessage
		json.Unmarshal(body, &request)
		started := touchstoneCpu()
		reply := touchstoneAnswer(request)
		reply["n"] = request["n"]
		reply["cpu"] = touchstoneCpu() - started
		text, err := json.Marshal(reply)
		if err != nil {
			return
		}
		whole := make([]byte, 4, len(text)+4)
		binary.BigEndian.PutUint32(whole, uint32(len(text)))
		if _, err := channel.Write(append(whole, text...)); err != nil {
			return
		}
	}
}
