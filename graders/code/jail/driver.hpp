// Runs inside the candidate's jail: calls the solution as it is told over the channel. Included behind the solution.
//
// The counterpart of python_driver.py for C++: "load" and "call", one reply to each, plain JSON. Arguments are converted
// to the parameter types that the compiler deduces; results to JSON. It reports values and judges nothing.
#include <sys/resource.h>
#include <unistd.h>


namespace touchstone {

struct Json {
    enum Kind { Null, Bool, Number, Text, List, Object } kind = Null;
    bool truth = false;
    std::string text;
    std::vector<Json> items;
    std::vector<std::pair<std::string, Json>> fields;

    const Json &at(const std::string &name) const {
        static const Json nothing;
        for (auto &field : fields)
            if (field.first == name) return field.second;
        return nothing;
    }
};

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Parser {
    const std::string &s;
    size_t i = 0;
    int depth = 0;

    void space() {
        while (i < s.size() && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r')) i++;
    }
    static void put(std::string &out, unsigned c) {
        if (c < 0x80) {
            out += (char)c;
        } else if (c < 0x800) {
            out += (char)(0xC0 | c >> 6);
            out += (char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
            out += (char)(0xE0 | c >> 12);
            out += (char)(0x80 | (c >> 6 & 63));
            out += (char)(0x80 | (c & 63));
        } else {
            out += (char)(0xF0 | c >> 18);
            out += (char)(0x80 | (c >> 12 & 63));
            out += (char)(0x80 | (c >> 6 & 63));
            out += (char)(0x80 | (c & 63));
        }
    }
    unsigned hex() {
        unsigned value = (unsigned)std::stoul(s.substr(i, 4), nullptr, 16);
        i += 4;
        return value;
    }
    std::string quoted() {
        std::string out;
        for (i++; i < s.size() && s[i] != '"'; i++) {
            if (s[i] != '\\') {
                out += s[i];
                continue;
            }
            char c = s[++i];
            if (c == 'n') out += '\n';
            else if (c == 't') out += '\t';
            else if (c == 'r') out += '\r';
            else if (c == 'b') out += '\b';
            else if (c == 'f') out += '\f';
            else if (c == 'u') {
                i++;
                unsigned u = hex();
                if (u >= 0xD800 && u < 0xDC00 && s.compare(i, 2, "\\u") == 0) {
                    i += 2;
                    u = 0x10000 + ((u - 0xD800) << 10) + (hex() - 0xDC00);
                }
                put(out, u);
                i--;
            } else out += c;
        }
        i++;
        return out;
    }

  public:
    explicit Parser(const std::string &text) : s(text) {}
    Json value() {
        if (++depth > 400) throw Failure("nested too deep");
        space();
        Json json;
        if (s[i] == '{') {
            json.kind = Json::Object;
            i++;
            space();
            while (s[i] != '}') {
                space();
                std::string name = quoted();
                space();
                i++;
                json.fields.emplace_back(name, value());
                space();
                if (s[i] == ',') i++;
                space();
            }
            i++;
        } else if (s[i] == '[') {
            json.kind = Json::List;
            i++;
            space();
            while (s[i] != ']') {
                json.items.push_back(value());
                space();
                if (s[i] == ',') i++;
                space();
            }
            i++;
        } else if (s[i] == '"') {
            json.kind = Json::Text;
            json.text = quoted();
        } else if (s[i] == 't' || s[i] == 'f') {
            json.kind = Json::Bool;
            json.truth = s[i] == 't';
            i += json.truth ? 4 : 5;
        } else if (s[i] == 'n') {
            i += 4;
        } else {
            json.kind = Json::Number;
            size_t end = s.find_first_not_of("+-0123456789.eE", i);
            json.text = s.substr(i, end - i);
            i = end;
        }
        depth--;
        return json;
    }
};

inline void quote(std::string &out, const std::string &text) {
    out += '"';
    for (unsigned char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += (char)c;
        } else if (c < 0x20) {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04x", c);
            out += code;
        } else {
            out += (char)c;
        }
    }
    out += '"';
}

// From JSON to the type a parameter has.
template <class T, class = void> struct From;
template <class T> struct From<T, std::enable_if_t<std::is_integral<T>::value>> {
    static T get(const Json &json) {
        if (std::is_same<T, bool>::value) return json.truth;
        if (std::is_same<T, char>::value && json.kind == Json::Text) return json.text.empty() ? 0 : json.text[0];
        if (json.kind != Json::Number) throw Failure("an argument is no number");
        if (json.text.find_first_of(".eE") != std::string::npos) return (T)std::stold(json.text);
        return std::is_signed<T>::value ? (T)std::stoll(json.text) : (T)std::stoull(json.text);
    }
};
template <class T> struct From<T, std::enable_if_t<std::is_floating_point<T>::value>> {
    static T get(const Json &json) {
        if (json.kind != Json::Number) throw Failure("an argument is no number");
        return (T)std::stold(json.text);
    }
};
template <> struct From<std::string> {
    static std::string get(const Json &json) { return json.text; }
};
template <class T> struct From<std::vector<T>> {
    static std::vector<T> get(const Json &json) {
        std::vector<T> out;
        out.reserve(json.items.size());
        for (auto &item : json.items) out.push_back(From<T>::get(item));
        return out;
    }
};
template <class A, class B> struct From<std::pair<A, B>> {
    static std::pair<A, B> get(const Json &json) {
        return {From<A>::get(json.items.at(0)), From<B>::get(json.items.at(1))};
    }
};
template <class T> struct From<std::set<T>> {
    static std::set<T> get(const Json &json) {
        std::set<T> out;
        for (auto &item : json.items) out.insert(From<T>::get(item));
        return out;
    }
};
template <class T> struct From<std::unordered_set<T>> {
    static std::unordered_set<T> get(const Json &json) {
        std::unordered_set<T> out;
        for (auto &item : json.items) out.insert(From<T>::get(item));
        return out;
    }
};
template <class K> inline K key_of(const std::string &name) {
    Json json;
    json.kind = std::is_arithmetic<K>::value ? Json::Number : Json::Text;
    json.text = name;
    return From<K>::get(json);
}
template <class K, class V> struct From<std::map<K, V>> {
    static std::map<K, V> get(const Json &json) {
        std::map<K, V> out;
        for (auto &field : json.fields) out[key_of<K>(field.first)] = From<V>::get(field.second);
        return out;
    }
};
template <class K, class V> struct From<std::unordered_map<K, V>> {
    static std::unordered_map<K, V> get(const Json &json) {
        std::unordered_map<K, V> out;
        for (auto &field : json.fields) out[key_of<K>(field.first)] = From<V>::get(field.second);
        return out;
    }
};
template <class T> struct From<std::optional<T>> {
    static std::optional<T> get(const Json &json) {
        if (json.kind == Json::Null) return std::nullopt;
        return From<T>::get(json);
    }
};

// To JSON from the type a result has.
template <class T> std::enable_if_t<std::is_integral<T>::value> to(std::string &out, const T &value) {
    if (std::is_same<T, bool>::value) out += value ? "true" : "false";
    else if (std::is_same<T, char>::value) quote(out, std::string(1, (char)value));
    else out += std::to_string(value);
}
template <class T> std::enable_if_t<std::is_floating_point<T>::value> to(std::string &out, const T &value) {
    if (std::isnan(value)) out += "{\"$\":\"float\",\"v\":\"nan\"}";
    else if (std::isinf(value)) out += value > 0 ? "{\"$\":\"float\",\"v\":\"inf\"}" : "{\"$\":\"float\",\"v\":\"-inf\"}";
    else {
        char text[64];
        std::snprintf(text, sizeof text, std::is_same<T, float>::value ? "%.9g" : "%.17g", (double)value);
        out += text;
    }
}
inline void to(std::string &out, const std::string &value) { quote(out, value); }
inline void to(std::string &out, const char *value) { quote(out, value); }
template <class T> void to(std::string &out, const std::vector<T> &value);
template <class T> void to(std::string &out, const std::optional<T> &value);
template <class A, class B> void to(std::string &out, const std::pair<A, B> &value);
template <class... T> void to(std::string &out, const std::tuple<T...> &value);
template <class T> void to_items(std::string &out, const T &items) {
    out += '[';
    bool first = true;
    for (const auto &item : items) {
        if (!first) out += ',';
        first = false;
        to(out, item);
    }
    out += ']';
}
template <class T> void to_pairs(std::string &out, const T &items) {
    out += "{\"$\":\"dict\",\"v\":[";
    bool first = true;
    for (const auto &item : items) {
        if (!first) out += ',';
        first = false;
        out += '[';
        to(out, item.first);
        out += ',';
        to(out, item.second);
        out += ']';
    }
    out += "]}";
}
template <class T> void to(std::string &out, const std::set<T> &value) {
    out += "{\"$\":\"set\",\"v\":";
    to_items(out, value);
    out += '}';
}
template <class T> void to(std::string &out, const std::unordered_set<T> &value) {
    out += "{\"$\":\"set\",\"v\":";
    to_items(out, value);
    out += '}';
}
template <class T> void to(std::string &out, const std::list<T> &value) { to_items(out, value); }
template <class T> void to(std::string &out, const std::deque<T> &value) { to_items(out, value); }
template <class T, size_t N> void to(std::string &out, const std::array<T, N> &value) { to_items(out, value); }
template <class K, class V> void to(std::string &out, const std::map<K, V> &value) { to_pairs(out, value); }
template <class K, class V> void to(std::string &out, const std::unordered_map<K, V> &value) { to_pairs(out, value); }
template <class T> void to(std::string &out, const std::vector<T> &value) {
    out += '[';
    for (size_t i = 0; i < value.size(); i++) {
        if (i) out += ',';
        const T item = value[i];
        to(out, item);
    }
    out += ']';
}
template <class T> void to(std::string &out, const std::optional<T> &value) {
    if (value) to(out, *value);
    else out += "null";
}
template <class A, class B> void to(std::string &out, const std::pair<A, B> &value) {
    out += '[';
    to(out, value.first);
    out += ',';
    to(out, value.second);
    out += ']';
}
template <class... T> void to(std::string &out, const std::tuple<T...> &value) {
    out += '[';
    bool first = true;
    std::apply([&](const T &...item) { ((out += first ? "" : ",", first = false, to(out, item)), ...); }, value);
    out += ']';
}

// Linked nodes are lists.
const int NODES_MAX = 1000000;
template <> struct From<ListNode *> {
    static ListNode *get(const Json &json) {
        ListNode *head = nullptr;
        for (size_t i = json.items.size(); i-- > 0;) {
            ListNode *node = new ListNode(From<decltype(head->val)>::get(json.items[i]));
            node->next = head;
            head = node;
        }
        return head;
    }
};
template <> struct From<TreeNode *> {
    static TreeNode *get(const Json &json) {
        if (json.items.empty() || json.items[0].kind == Json::Null) return nullptr;
        std::vector<TreeNode *> nodes;
        for (auto &item : json.items)
            nodes.push_back(item.kind == Json::Null ? nullptr : new TreeNode(From<decltype(TreeNode::val)>::get(item)));
        size_t at = 1;
        for (auto node : nodes) {
            if (!node) continue;
            node->left = at < nodes.size() ? nodes[at] : nullptr;
            node->right = at + 1 < nodes.size() ? nodes[at + 1] : nullptr;
            at += 2;
        }
        return nodes[0];
    }
};
inline void to(std::string &out, ListNode *const &value) {
    out += '[';
    int count = 0;
    for (ListNode *node = value; node; node = node->next) {
        if (count++) out += ',';
        to(out, node->val);
        if (count > NODES_MAX) throw Failure("a list without an end");
    }
    out += ']';
}
inline void to(std::string &out, TreeNode *const &value) {
    std::vector<std::string> items;
    std::deque<TreeNode *> pending{value};
    while (!pending.empty()) {
        TreeNode *node = pending.front();
        pending.pop_front();
        items.emplace_back();
        if (!node) {
            items.back() = "null";
            continue;
        }
        to(items.back(), node->val);
        pending.push_back(node->left);
        pending.push_back(node->right);
        if (items.size() > (size_t)NODES_MAX) throw Failure("a tree without an end");
    }
    while (!items.empty() && items.back() == "null") items.pop_back();
    out += '[';
    for (size_t i = 0; i < items.size(); i++) {
        if (i) out += ',';
        out += items[i];
    }
    out += ']';
}

template <class T> using Plain = std::remove_cv_t<std::remove_reference_t<T>>;

template <class R, class F, class... A, size_t... I>
std::string apply(F call, const std::vector<Json> &given, std::index_sequence<I...>, R *, std::tuple<A...> *) {
    if (given.size() != sizeof...(A)) throw Failure("another number of arguments");
    std::tuple<Plain<A>...> values{From<Plain<A>>::get(given[I])...};
    std::string out = "\"v\":";
    if constexpr (std::is_void<R>::value) {
        call(static_cast<A &&>(std::get<I>(values))...);
        out += "null";
        if constexpr (sizeof...(A) > 0) {
            out += ",\"first\":";
            to(out, std::get<0>(values));
        }
    } else {
        auto result = call(static_cast<A &&>(std::get<I>(values))...);
        to(out, result);
    }
    return out;
}

// One overload for each way a function can be declared.
template <class C, class R, class... A> std::string invoke(C *owner, R (C::*f)(A...), const std::vector<Json> &given) {
    return apply([=](A... a) -> R { return (owner->*f)(std::forward<A>(a)...); }, given, std::index_sequence_for<A...>(),
                 (std::remove_reference_t<R> *)nullptr, (std::tuple<A...> *)nullptr);
}
template <class C, class R, class... A> std::string invoke(C *owner, R (C::*f)(A...) const, const std::vector<Json> &given) {
    return apply([=](A... a) -> R { return (owner->*f)(std::forward<A>(a)...); }, given, std::index_sequence_for<A...>(),
                 (std::remove_reference_t<R> *)nullptr, (std::tuple<A...> *)nullptr);
}
template <class C, class R, class... A> std::string invoke(C *, R (*f)(A...), const std::vector<Json> &given) {
    return apply([=](A... a) -> R { return f(std::forward<A>(a)...); }, given, std::index_sequence_for<A...>(),
                 (std::remove_reference_t<R> *)nullptr, (std::tuple<A...> *)nullptr);
}

std::string dispatch(const Json &request);

inline bool exactly(int fd, char *to, size_t size) {
    while (size) {
        ssize_t got = ::read(fd, to, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

inline double cpu_s() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

inline int serve() {
    int fd = std::atoi(std::getenv("TOUCHSTONE_CHANNEL"));
    unsetenv("TOUCHSTONE_CHANNEL");
    unsigned char size[4];
    while (exactly(fd, (char *)size, 4)) {
        std::string text(((size_t)size[0] << 24) | size[1] << 16 | size[2] << 8 | size[3], '\0');
        if (!exactly(fd, &text[0], text.size())) break;
        Json request = Parser(text).value();
        double started = cpu_s();
        std::string body;
        try {
            body = request.at("op").text == "load" ? "\"v\":true" : dispatch(request);
        } catch (const std::exception &error) {
            body = "\"e\":{\"type\":\"exception\",\"bases\":[],\"text\":";
            quote(body, std::string(error.what()).substr(0, 1000));
            body += "}";
        } catch (...) {
            body = "\"e\":{\"type\":\"unknown\",\"bases\":[],\"text\":\"\"}";
        }
        std::fflush(stdout);
        char used[32];
        std::snprintf(used, sizeof used, "%.6f", cpu_s() - started);
        std::string reply = "{" + body + ",\"n\":" + request.at("n").text + ",\"cpu\":" + used + "}";
        size_t length = reply.size();
        std::string whole{(char)(length >> 24), (char)(length >> 16), (char)(length >> 8), (char)length};
        whole += reply;
        for (size_t at = 0; at < whole.size();) {
            ssize_t put = ::write(fd, whole.data() + at, whole.size() - at);
            if (put < 0 && errno == EINTR) continue;
            if (put <= 0) return 1;
            at += (size_t)put;
        }
    }
    return 0;
}

}  // namespace touchstone
