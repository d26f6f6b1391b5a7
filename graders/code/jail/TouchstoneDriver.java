// Runs inside the candidate's jail: finds the solution by reflection and calls it as it is told over the channel.
//
// The counterpart of python_driver.py for Java: "load" and "call", one reply to each, plain JSON. Arguments are converted
// to the parameter types that the method declares. It reports values and judges nothing.
import java.io.*;
import java.lang.management.ManagementFactory;
import java.lang.reflect.*;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.*;

public class TouchstoneDriver {
    static final int NODES_MAX = 1000000;
    static final String[] CLASSES = {/*CLASSES*/};

    public static void main(String[] arguments) throws Exception {
        FileDescriptor descriptor = new FileDescriptor();
        // A socket has no path to open; this is the one way to a descriptor by its number.
        Field unsafeField = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
        unsafeField.setAccessible(true);
        Object unsafe = unsafeField.get(null);
        Method offsetOf = unsafe.getClass().getMethod("objectFieldOffset", Field.class);
        Method putInt = unsafe.getClass().getMethod("putInt", Object.class, long.class, int.class);
        long offset = (Long) offsetOf.invoke(unsafe, FileDescriptor.class.getDeclaredField("fd"));
        putInt.invoke(unsafe, descriptor, offset, Integer.parseInt(System.getenv("TOUCHSTONE_CHANNEL")));
        DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(descriptor), 1 << 16));
        FileOutputStream out = new FileOutputStream(descriptor);
        while (true) {
            int size;
            try {
                size = in.readInt();
            } catch (EOFException end) {
                System.out.flush();
                Runtime.getRuntime().halt(0);
                return;
            }
            byte[] body = new byte[size];
            in.readFully(body);
            Object parsed = new Parser(new String(body, StandardCharsets.UTF_8)).value();
            @SuppressWarnings("unchecked")
            Map<String, Object> request = (Map<String, Object>) parsed;
            long started = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            StringBuilder reply = new StringBuilder("{");
            int mark = reply.length();
            try {
                if ("load".equals(request.get("op"))) {
                    reply.append("\"v\":true");
                } else {
                    call(request, reply);
                }
            } catch (Throwable error) {
                Throwable cause = error instanceof InvocationTargetException ? error.getCause() : error;
                reply.setLength(mark);
                String text = String.valueOf(cause.getMessage());
                reply.append("\"e\":{\"type\":");
                quote(reply, cause.getClass().getSimpleName());
                reply.append(",\"bases\":[],\"text\":");
                quote(reply, text.substring(0, Math.min(1000, text.length())));
                reply.append("}");
            }
            System.out.flush();
            double used = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - started) / 1e9;
            reply.append(",\"n\":").append(request.get("n")).append(",\"cpu\":").append(String.format(Locale.ROOT, "%.6f", used)).append("}");
            byte[] text = reply.toString().getBytes(StandardCharsets.UTF_8);
            ByteArrayOutputStream whole = new ByteArrayOutputStream(text.length + 4);
            new DataOutputStream(whole).writeInt(text.length);
            whole.write(text);
            out.write(whole.toByteArray());
        }
    }

    static void call(Map<String, Object> request, StringBuilder out) throws Throwable {
        List<Object> given = new ArrayList<>(list(request.get("args")));
        Object kwargs = request.get("kwargs");
        if (kwargs instanceof Map) given.addAll(((Map<?, ?>) kwargs).values());
        if (request.get("operations") != null) {
            List<Object> names = list(given.get(0));
            List<Object> values = list(given.get(1));
            Class<?> made = Class.forName((String) names.get(0));
            List<Object> first = list(values.get(0));
            Object owner = null;
            for (Constructor<?> constructor : made.getDeclaredConstructors()) {
                if (constructor.getParameterCount() != first.size()) continue;
                constructor.setAccessible(true);
                owner = constructor.newInstance(convert(first, constructor.getGenericParameterTypes()));
            }
            if (owner == null) throw new NoSuchMethodException("no such constructor");
            out.append("\"v\":[null");
            for (int i = 1; i < names.size(); i++) {
                List<Object> arguments = list(values.get(i));
                Method method = find(made, (String) names.get(i), arguments.size());
                Object result = method.invoke(owner, convert(arguments, method.getGenericParameterTypes()));
                out.append(",");
                encode(out, result, 0);
            }
            out.append("]");
            return;
        }
        String[] parts = ((String) request.get("entry")).replace("()", "").split("\\.");
        String name = parts[parts.length - 1];
        List<String> owners = new ArrayList<>();
        if (parts.length > 1) owners.add(parts[0]);
        owners.add("Solution");
        owners.addAll(Arrays.asList(CLASSES));
        for (String ownerName : owners) {
            Class<?> owner;
            try {
                owner = Class.forName(ownerName);
            } catch (ClassNotFoundException | LinkageError absent) {
                continue;
            }
            Method method = find(owner, name, given.size());
            if (method == null) continue;
            Object instance = null;
            if (!Modifier.isStatic(method.getModifiers())) {
                Constructor<?> constructor = owner.getDeclaredConstructor();
                constructor.setAccessible(true);
                instance = constructor.newInstance();
            }
            Object[] arguments = convert(given, method.getGenericParameterTypes());
            Object result = method.invoke(instance, arguments);
            out.append("\"v\":");
            encode(out, result, 0);
            if (result == null) {
                String returned = method.getReturnType().getSimpleName();
                if (returned.equals("ListNode") || returned.equals("TreeNode")) out.append(",\"empty\":true");
                if (arguments.length > 0 && arguments[0] != null && method.getReturnType() == void.class) {
                    out.append(",\"first\":");
                    encode(out, arguments[0], 0);
                }
            }
            return;
        }
        throw new NoSuchMethodException(name);
    }

    static Method find(Class<?> owner, String name, int count) {
        for (Method method : owner.getDeclaredMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == count && !method.isBridge()) {
                method.setAccessible(true);
                return method;
            }
        }
        return null;
    }

    @SuppressWarnings("unchecked")
    static List<Object> list(Object value) {
        return (List<Object>) value;
    }

    static Object[] convert(List<Object> given, Type[] types) {
        Object[] values = new Object[types.length];
        for (int i = 0; i < types.length; i++) values[i] = convert(given.get(i), types[i]);
        return values;
    }

    static Object convert(Object value, Type type) {
        if (type instanceof ParameterizedType) {
            ParameterizedType generic = (ParameterizedType) type;
            Class<?> raw = (Class<?>) generic.getRawType();
            Type[] inner = generic.getActualTypeArguments();
            if (raw == Optional.class) return Optional.ofNullable(convert(value, inner[0]));
            if (Map.class.isAssignableFrom(raw)) {
                Map<Object, Object> made = raw == TreeMap.class ? new TreeMap<>() : new LinkedHashMap<>();
                for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                    Object key = inner[0] == String.class ? entry.getKey() : convert(new Number((String) entry.getKey()), inner[0]);
                    made.put(key, convert(entry.getValue(), inner[1]));
                }
                return made;
            }
            Collection<Object> made = Set.class.isAssignableFrom(raw) ? new LinkedHashSet<>()
                : raw == LinkedList.class || raw == Queue.class || raw == Deque.class ? new LinkedList<>() : new ArrayList<>();
            if (value == null) return null;
            for (Object item : list(value)) made.add(convert(item, inner[0]));
            return made;
        }
        if (type instanceof GenericArrayType) {
            Type inner = ((GenericArrayType) type).getGenericComponentType();
            Class<?> raw = (Class<?>) (inner instanceof ParameterizedType ? ((ParameterizedType) inner).getRawType() : inner);
            List<Object> items = list(value);
            Object made = Array.newInstance(raw, items.size());
            for (int i = 0; i < items.size(); i++) Array.set(made, i, convert(items.get(i), inner));
            return made;
        }
        if (type instanceof WildcardType) return convert(value, ((WildcardType) type).getUpperBounds()[0]);
        if (!(type instanceof Class)) return plain(value);
        Class<?> kind = (Class<?>) type;
        if (kind.isArray()) {
            List<Object> items = value instanceof String ? characters((String) value) : list(value);
            if (items == null) return null;
            Object made = Array.newInstance(kind.getComponentType(), items.size());
            for (int i = 0; i < items.size(); i++) Array.set(made, i, convert(items.get(i), kind.getComponentType()));
            return made;
        }
        if (kind.getSimpleName().equals("ListNode")) return linked(value, kind);
        if (kind.getSimpleName().equals("TreeNode")) return tree(value, kind);
        if (value instanceof Number) {
            Number number = (Number) value;
            if (kind == int.class || kind == Integer.class) return (int) number.integer();
            if (kind == long.class || kind == Long.class) return number.integer();
            if (kind == double.class || kind == Double.class) return Double.parseDouble(number.text);
            if (kind == float.class || kind == Float.class) return Float.parseFloat(number.text);
            if (kind == short.class || kind == Short.class) return (short) number.integer();
            if (kind == byte.class || kind == Byte.class) return (byte) number.integer();
            if (kind == BigInteger.class) return new BigInteger(number.text);
        }
        if ((kind == char.class || kind == Character.class) && value instanceof String) return ((String) value).charAt(0);
        return plain(value);
    }

    static List<Object> characters(String text) {
        List<Object> items = new ArrayList<>();
        for (char c : text.toCharArray()) items.add(String.valueOf(c));
        return items;
    }

    /** A value for a parameter that names no type: Integer where it fits, Double for fractions. */
    static Object plain(Object value) {
        if (value instanceof List) {
            List<Object> made = new ArrayList<>();
            for (Object item : list(value)) made.add(plain(item));
            return made;
        }
        if (!(value instanceof Number)) return value;
        Number number = (Number) value;
        if (number.text.matches(".*[.eE].*")) return Double.parseDouble(number.text);
        long whole = number.integer();
        if (whole == (int) whole) return (int) whole;
        return whole;
    }

    static Object linked(Object value, Class<?> kind) {
        try {
            Object head = null;
            List<Object> items = value == null ? new ArrayList<>() : list(value);
            Field next = field(kind, "next");
            for (int i = items.size() - 1; i >= 0; i--) {
                Object node = node(kind, items.get(i));
                next.set(node, head);
                head = node;
            }
            return head;
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    static Object tree(Object value, Class<?> kind) {
        try {
            List<Object> items = value == null ? new ArrayList<>() : list(value);
            if (items.isEmpty() || items.get(0) == null) return null;
            List<Object> nodes = new ArrayList<>();
            for (Object item : items) nodes.add(item == null ? null : node(kind, item));
            int at = 1;
            for (Object node : nodes) {
                if (node == null) continue;
                if (at < nodes.size()) field(kind, "left").set(node, nodes.get(at));
                if (at + 1 < nodes.size()) field(kind, "right").set(node, nodes.get(at + 1));
                at += 2;
            }
            return nodes.get(0);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    static Field field(Class<?> kind, String name) throws ReflectiveOperationException {
        Field found = kind.getDeclaredField(name);
        found.setAccessible(true);
        return found;
    }

    static Object node(Class<?> kind, Object value) throws ReflectiveOperationException {
        Field val = field(kind, "val");
        Object node = null;
        for (Constructor<?> constructor : kind.getDeclaredConstructors()) {
            constructor.setAccessible(true);
            if (constructor.getParameterCount() == 0) node = constructor.newInstance();
            else if (constructor.getParameterCount() == 1) node = constructor.newInstance(convert(value, val.getType()));
            if (node != null) break;
        }
        val.set(node, convert(value, val.getType()));
        return node;
    }

    static void encode(StringBuilder out, Object value, int depth) throws ReflectiveOperationException {
        if (depth > 150) throw new IllegalStateException("nested too deep");
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long
            || value instanceof Short || value instanceof Byte) {
            out.append(value);
        } else if (value instanceof Double || value instanceof Float) {
            double number = ((java.lang.Number) value).doubleValue();
            if (Double.isNaN(number) || Double.isInfinite(number)) {
                out.append("{\"$\":\"float\",\"v\":\"").append(Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf").append("\"}");
            } else if (number == Math.rint(number) && Math.abs(number) < 1e15) {
                out.append((long) number);
            } else {
                out.append(value);
            }
        } else if (value instanceof BigInteger) {
            BigInteger number = (BigInteger) value;
            out.append("{\"$\":\"int\",\"v\":\"").append(number.signum() < 0 ? "-0x" : "0x").append(number.abs().toString(16)).append("\"}");
        } else if (value instanceof CharSequence || value instanceof Character) {
            quote(out, value.toString());
        } else if (value.getClass().isArray()) {
            out.append('[');
            for (int i = 0; i < Array.getLength(value); i++) {
                if (i > 0) out.append(',');
                encode(out, Array.get(value, i), depth + 1);
            }
            out.append(']');
        } else if (value instanceof Optional) {
            encode(out, ((Optional<?>) value).orElse(null), depth);
        } else if (value instanceof Map) {
            out.append("{\"$\":\"dict\",\"v\":[");
            String comma = "";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                out.append(comma).append('[');
                encode(out, entry.getKey(), depth + 1);
                out.append(',');
                encode(out, entry.getValue(), depth + 1);
                out.append(']');
                comma = ",";
            }
            out.append("]}");
        } else if (value instanceof Collection) {
            if (value instanceof Set) out.append("{\"$\":\"set\",\"v\":");
            out.append('[');
            String comma = "";
            for (Object item : (Collection<?>) value) {
                out.append(comma);
                encode(out, item, depth + 1);
                comma = ",";
            }
            out.append(']');
            if (value instanceof Set) out.append('}');
        } else if (value.getClass().getSimpleName().equals("ListNode")) {
            out.append('[');
            int count = 0;
            for (Object node = value; node != null; node = field(node.getClass(), "next").get(node)) {
                if (count++ > 0) out.append(',');
                encode(out, field(node.getClass(), "val").get(node), depth + 1);
                if (count > NODES_MAX) throw new IllegalStateException("a list without an end");
            }
            out.append(']');
        } else if (value.getClass().getSimpleName().equals("TreeNode")) {
            List<String> items = new ArrayList<>();
            List<Object> level = new ArrayList<>(Collections.singletonList(value));
            while (!level.isEmpty()) {
                List<Object> below = new ArrayList<>();
                for (Object node : level) {
                    StringBuilder item = new StringBuilder();
                    if (node == null) {
                        item.append("null");
                    } else {
                        encode(item, field(node.getClass(), "val").get(node), depth + 1);
                        below.add(field(node.getClass(), "left").get(node));
                        below.add(field(node.getClass(), "right").get(node));
                    }
                    items.add(item.toString());
                    if (items.size() > NODES_MAX) throw new IllegalStateException("a tree without an end");
                }
                level = below;
            }
            while (!items.isEmpty() && items.get(items.size() - 1).equals("null")) items.remove(items.size() - 1);
            out.append('[').append(String.join(",", items)).append(']');
        } else {
            out.append("{\"$\":\"object\",\"v\":");
            quote(out, value.getClass().getSimpleName());
            out.append('}');
        }
    }

    static void quote(StringBuilder out, String text) {
        out.append('"');
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < 0x20 || c > 0x7e) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        out.append('"');
    }

    static final class Number {
        final String text;

        Number(String text) {
            this.text = text;
        }

        long integer() {
            return text.matches(".*[.eE].*") ? (long) Double.parseDouble(text) : Long.parseLong(text);
        }

        public String toString() {
            return text;
        }
    }

    static final class Parser {
        private final String s;
        private int i = 0;

        Parser(String text) {
            s = text;
        }

        private void space() {
            while (i < s.length() && s.charAt(i) <= ' ') i++;
        }

        Object value() {
            space();
            char c = s.charAt(i);
            if (c == '{') {
                Map<String, Object> made = new LinkedHashMap<>();
                i++;
                space();
                while (s.charAt(i) != '}') {
                    space();
                    String name = quoted();
                    space();
                    i++;
                    made.put(name, value());
                    space();
                    if (s.charAt(i) == ',') i++;
                    space();
                }
                i++;
                return made;
            }
            if (c == '[') {
                List<Object> made = new ArrayList<>();
                i++;
                space();
                while (s.charAt(i) != ']') {
                    made.add(value());
                    space();
                    if (s.charAt(i) == ',') i++;
                    space();
                }
                i++;
                return made;
            }
            if (c == '"') return quoted();
            if (c == 't') {
                i += 4;
                return true;
            }
            if (c == 'f') {
                i += 5;
                return false;
            }
            if (c == 'n') {
                i += 4;
                return null;
            }
            int start = i;
            while (i < s.length() && "+-0123456789.eE".indexOf(s.charAt(i)) >= 0) i++;
            return new Number(s.substring(start, i));
        }

        private String quoted() {
            StringBuilder out = new StringBuilder();
            for (i++; s.charAt(i) != '"'; i++) {
                char c = s.charAt(i);
                if (c != '\\') {
                    out.append(c);
                    continue;
                }
                c = s.charAt(++i);
                switch (c) {
                    case 'n': out.append('\n'); break;
                    case 't': out.append('\t'); break;
                    case 'r': out.append('\r'); break;
                    case 'b': out.append('\b'); break;
                    case 'f': out.append('\f'); break;
                    case 'u':
                        out.append((char) Integer.parseInt(s.substring(i + 1, i + 5), 16));
                        i += 4;
                        break;
                    default: out.append(c);
                }
            }
            i++;
            return out.toString();
        }
    }
}
