#include "config/config_print.hpp"

#include "config/config_table.hpp"

#include <tiercel/check.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace tiercel::config {
namespace {

constexpr std::size_t line_width = 118;
constexpr char unbroken_space = '\x01';   // in comments, until they are broken into lines

// Plain where no reader of YAML could take it for anything else, else in double quotes.
std::string scalar(std::string_view text)
{
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:+-";
    constexpr std::array<std::string_view, 4> words{"null", "Null", "NULL", "~"};
    const bool is_plain = !text.empty() && text.find_first_not_of(plain) == text.npos && text.front() != '-' &&
                          text.front() != ':' && text.back() != ':' &&
                          std::find(words.begin(), words.end(), text) == words.end();
    if (is_plain) {
        return std::string(text);
    }
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"' || text[i] == '\\') {
            out += '\\';
        }
        if (text[i] == '$' && text.substr(i + 1).starts_with('{')) {
            out += '$';   // "$${" reads as "${"
        }
        out += text[i];
    }
    return out + "\"";
}

std::string shown(const row& r, const std::string& text)
{
    switch (r.hide) {
        case secrecy::open: return scalar(text);
        case secrecy::url: return scalar(without_userinfo(text));
        case secrecy::secret: return scalar(text.empty() ? "" : "***");
    }
    return {};
}

std::string yaml_value(const row& r, const void* owner)
{
    const auto texts = r.get(owner);
    if (r.what == shape::value) {
        return shown(r, texts.at(0));
    }
    std::string out;
    for (const auto& t : texts) {
        out += (out.empty() ? "" : ", ") + shown(r, t);
    }
    return "[" + out + "]";
}

// ---- the reference ---------------------------------------------------------------------------------------------------

// Lines of at most line_width, each with the indentation and "# ".
std::string comment(std::string_view text, const std::string& indent)
{
    std::string out;
    std::string line;
    const auto flush = [&] {
        std::replace(line.begin(), line.end(), unbroken_space, ' ');
        out += indent + "# " + line + "\n";
        line.clear();
    };
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        const auto word = text.substr(0, end);
        if (!line.empty() && indent.size() + 2 + line.size() + 1 + word.size() > line_width) {
            flush();
        }
        line += (line.empty() ? "" : " ") + std::string(word);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    flush();
    return out;
}

std::string explanation(const row& r)
{
    std::string text(r.text);
    if (!r.allowed.empty()) {
        auto bounds = " [" + r.allowed + "]";
        std::replace(bounds.begin() + 1, bounds.end(), ' ', unbroken_space);
        text += bounds;
    }
    if (r.change == change::reloadable) {
        text += " (reloadable)";
    }
    return text;
}

class reference_printer {
public:
    std::string print()
    {
        config example;
        give_examples(root(), &example);
        print_keys(root(), &example, "");
        return std::move(out_);
    }

private:
    // Gives every list and map an item, and every needed key a value, so that all keys show.
    static void give_examples(const schema& s, void* owner)
    {
        for (const auto& k : s.keys) {
            if (k.reserved) {
                continue;
            }
            if (k.entry == nullptr) {
                give_examples(k, owner);
            } else if (k.entry->what == shape::value || k.entry->what == shape::values) {
                if (!k.entry->example.empty()) {
                    TIERCEL_CHECK(!k.entry->add(owner, k.entry->example));
                }
            } else if (k.entry->required) {
                give_examples(k, k.entry->add_item(owner, k.entry->example));
            }
        }
    }

    void print_keys(const schema& s, const void* owner, const std::string& indent)
    {
        for (const auto& k : s.keys) {
            if (!k.reserved && has_rows(k)) {
                print_key(k, owner, indent);
            }
        }
    }

    static bool has_rows(const schema& s)
    {
        return s.entry != nullptr || std::any_of(s.keys.begin(), s.keys.end(), has_rows);
    }

    void print_key(const schema& s, const void* owner, const std::string& indent)
    {
        if (indent.empty()) {
            out_ += "\n";
        }
        const auto head = indent + std::string(s.name) + ":";
        if (s.entry == nullptr) {
            out_ += head + "\n";
            print_keys(s, owner, indent + "  ");
            return;
        }
        const auto& r = *s.entry;
        out_ += comment(explanation(r), indent);
        switch (r.what) {
            case shape::value: out_ += head + " " + reference_value(r, owner) + "\n"; break;
            case shape::values: out_ += head + " " + yaml_value(r, owner) + "\n"; break;
            case shape::items: print_items(s, owner, indent); break;
            case shape::named:
                out_ += head + "\n";
                r.each(owner, [&](std::string_view name, const void* item) {
                    out_ += indent + "  " + std::string(name) + ":\n";
                    print_keys(s, item, indent + "    ");
                });
                break;
        }
    }

    // Examples show as they are written: they may name a variable, and are no secrets.
    static std::string reference_value(const row& r, const void* owner)
    {
        const bool is_example = !r.example.empty() && r.get(owner).at(0) == r.example;
        const bool has_variable = r.example.find("${") != r.example.npos;
        return is_example && has_variable ? "\"" + std::string(r.example) + "\"" : yaml_value(r, owner);
    }

    void print_items(const schema& s, const void* owner, const std::string& indent)
    {
        const auto& r = *s.entry;
        std::string items;
        r.each(owner, [&](std::string_view, const void* item) { items += item_text(s, item, indent + "  "); });
        if (!items.empty()) {
            out_ += indent + std::string(s.name) + ":\n" + items;
            return;
        }
        // Empty by default: an item stands there as a comment.
        out_ += indent + std::string(s.name) + ": []\n";
        config scratch;
        void* const item = r.add_item(&scratch, {});
        TIERCEL_CHECK(r.owner == typeid(config));
        give_examples(s, item);
        const auto text = item_text(s, item, indent + "  ");
        for (std::size_t at = 0; at < text.size();) {
            const auto end = text.find('\n', at);
            out_ += indent + "# " + text.substr(at + indent.size(), end - at - indent.size()) + "\n";
            at = end + 1;
        }
    }

    // The keys of one item, with its dash at the first key.
    std::string item_text(const schema& s, const void* item, const std::string& indent)
    {
        reference_printer inner;
        inner.print_keys(s, item, indent + "  ");
        auto text = std::move(inner.out_);
        std::size_t at = 0;
        while (text[at + indent.size() + 2] == '#') {
            text.erase(at, 2);   // comments above the dash stand where the dash stands
            at = text.find('\n', at) + 1;
        }
        text[at + indent.size()] = '-';
        return text;
    }

    std::string out_;
};

}  // namespace

std::vector<effective_value> effective_values(const loaded& what)
{
    std::vector<effective_value> values;
    for_each_value(what.value, [&](const std::string& path, const row& r, const void* owner) {
        values.push_back({.path = path, .value = yaml_value(r, owner), .source = what.source_of(path)});
    });
    return values;
}

std::string effective_text(const loaded& what)
{
    std::string out;
    for (const auto& v : effective_values(what)) {
        out += v.path + ": " + v.value + "   # " + v.source + "\n";
    }
    return out;
}

std::string effective_json(const loaded& what)
{
    boost::json::object all;
    for (const auto& v : effective_values(what)) {
        all[v.path] = boost::json::object{{"value", v.value}, {"source", v.source}};
    }
    return boost::json::serialize(all);
}

std::string reference_text()
{
    return "# Every key of the configuration, with its default.\n"
           "#\n"
           "# Sizes: 64KiB, 1MiB, 4096. Times: 250ms, 30s, 5m, 24h, 7d. Any value may hold ${NAME} or ${NAME:-default} from\n"
           "# the environment; $${ is a plain ${. In [brackets]: what is allowed. The origin \"shop\" and the route \"products\"\n"
           "# are examples; one of each is all that a configuration needs.\n"
           "#\n"
           "# Printed by: tiercel config --reference\n" +
           reference_printer().print();
}

}  // namespace tiercel::config
