#include "config/config_loader.hpp"

#include "config/config_checks.hpp"
#include "config/config_doubts.hpp"
#include "config/config_table.hpp"
#include "config/problems.hpp"
#include "config/source_tree.hpp"
#include "config/spelling.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace tiercel::config {
namespace {

using kind = yaml_node::kind;

constexpr std::size_t longest_name = 64;   // of an origin: it becomes a label of metrics

bool is_item_name(std::string_view name) noexcept
{
    return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    });
}

std::string join(const std::string& path, std::string_view key)
{
    return path.empty() ? std::string(key) : path + "." + std::string(key);
}

// Every name in the table that ends in the given key, for keys that stand under the wrong parent.
std::vector<std::string_view> homes_of(std::string_view key)
{
    std::vector<std::string_view> homes;
    for (const auto& r : table()) {
        if (r.name == key || (r.name.ends_with(key) && r.name[r.name.size() - key.size() - 1] == '.')) {
            homes.push_back(r.name);
        }
    }
    return homes;
}

// Walks the file and the table side by side.
class reader {
public:
    reader(loaded& out, problem_list& problems, const environment& env) : out_(out), problems_(problems), env_(env) {}

    void read_root(const yaml_node& node)
    {
        if (node.what == kind::scalar || node.what == kind::list) {
            problems_.add(node.where, {}, "the file must hold keys with values, as in server: { … }");
            return;
        }
        read_keys(root(), node, &out_.value, {});
        check_required(root(), {}, {});
    }

private:
    void read_keys(const schema& s, const yaml_node& map, void* owner, const std::string& path)
    {
        for (const auto& m : map.members) {
            const auto* const known = s.find(m.name);
            const auto inner = join(path, m.name);
            if (known == nullptr) {
                problems_.add(m.where, inner, "is not a known key" + suggestion(s, m.name));
            } else if (known->reserved) {
                problems_.add(m.where, inner, "is not available in this version");
            } else {
                out_.mentions[inner] = {.where = m.value->what == kind::null ? m.where : m.value->where, .variables = {}};
                read_key(*known, *m.value, owner, inner);
            }
        }
    }

    static std::string suggestion(const schema& s, std::string_view key)
    {
        std::vector<std::string_view> names;
        for (const auto& k : s.keys) {
            if (!k.reserved) {
                names.push_back(k.name);
            }
        }
        auto near = nearest_name(key, names);
        if (near.empty()) {
            const auto homes = homes_of(key);
            near = homes.size() == 1 ? homes.front() : std::string_view();
        }
        return near.empty() ? std::string() : " (did you mean " + std::string(near) + "?)";
    }

    void read_key(const schema& s, const yaml_node& node, void* owner, const std::string& path)
    {
        if (s.entry == nullptr) {
            if (expect(node, kind::map, path)) {
                read_keys(s, node, owner, path);
            }
            return;
        }
        switch (s.entry->what) {
            case shape::value: read_value(*s.entry, node, owner, path, path); break;
            case shape::values: read_values(*s.entry, node, owner, path); break;
            case shape::items: read_items(s, node, owner, path); break;
            case shape::named: read_named(s, node, owner, path); break;
        }
    }

    // A map that says nothing may be left out: "server:" alone is fine.
    bool expect(const yaml_node& node, kind wanted, const std::string& path)
    {
        if (node.what == wanted || (node.what == kind::null && wanted == kind::map)) {
            return true;
        }
        problems_.add(out_.mentions.at(path).where, path,
                      wanted == kind::map ? "must be keys with values, as in { key: value }" : "must be a list, as in [ a, b ]");
        return false;
    }

    void read_value(const row& r, const yaml_node& node, void* owner, const std::string& path, const std::string& mentioned)
    {
        auto& mention = out_.mentions.at(mentioned);
        if (node.what != kind::scalar) {
            const auto where = node.what == kind::null ? mention.where : node.where;
            problems_.add(where, path, node.what == kind::null ? R"(needs a value; write "" for an empty one)" : "must be a single value");
            return;
        }
        auto value = expand(node.text, env_);
        if (value.problem) {
            problems_.add(node.where, path, std::move(*value.problem));
            return;
        }
        for (auto& v : value.variables) {
            if (std::find(mention.variables.begin(), mention.variables.end(), v) == mention.variables.end()) {
                mention.variables.push_back(v);
            }
        }
        if (const auto why = r.add(owner, value.text)) {
            problems_.add(node.where, path, blame(r, value, why->what));
        }
    }

    // Repeats the value if it may be shown: not a secret, and not from the environment, which may hold anything.
    static std::string blame(const row& r, const expansion& value, std::string what)
    {
        if (r.hide == secrecy::secret || !value.variables.empty()) {
            for (auto at = what.find(value.text); !value.text.empty() && at != what.npos; at = what.find(value.text, at + 3)) {
                what.replace(at, value.text.size(), "***");
            }
            return value.variables.empty() ? what : "the value of " + value.variables.front() + " " + what;
        }
        constexpr std::size_t enough = 60;
        const auto has = [&](const std::string& text) { return what.find(text) != what.npos; };
        const bool repeated = has("\"" + value.text + "\"") || has("'" + value.text + "'") || what.starts_with(value.text + " ");
        what = without_userinfo(what);
        return repeated || value.text.size() > enough ? what : "\"" + without_userinfo(value.text) + "\" " + what;
    }

    void read_values(const row& r, const yaml_node& node, void* owner, const std::string& path)
    {
        if (!expect(node, kind::list, path)) {
            return;
        }
        r.clear(owner);
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            read_value(r, *node.items[i], owner, path + "[" + std::to_string(i) + "]", path);
        }
    }

    void read_items(const schema& s, const yaml_node& node, void* owner, const std::string& path)
    {
        if (!expect(node, kind::list, path)) {
            return;
        }
        s.entry->clear(owner);
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            const auto& item = *node.items[i];
            const auto inner = path + "[" + std::to_string(i) + "]";
            out_.mentions[inner] = {.where = item.where, .variables = {}};
            void* const place = s.entry->add_item(owner, {});
            if (item.what == kind::scalar && !s.entry->short_form.empty()) {
                const auto* const only = s.find(s.entry->short_form);
                const auto key = join(inner, only->name);
                out_.mentions[key] = {.where = item.where, .variables = {}};
                read_key(*only, item, place, key);
            } else if (expect(item, kind::map, inner)) {
                read_keys(s, item, place, inner);
            } else {
                continue;
            }
            check_required(s, item.where, inner);
        }
    }

    void read_named(const schema& s, const yaml_node& node, void* owner, const std::string& path)
    {
        if (!expect(node, kind::map, path)) {
            return;
        }
        s.entry->clear(owner);
        for (const auto& m : node.members) {
            const auto inner = join(path, m.name);
            if (!is_item_name(m.name)) {
                problems_.add(m.where, inner, "a name has 1 to 64 letters, digits, '_', '-' or '.'");
                continue;
            }
            // The name is the place to point at: the item's own place is its first key's.
            out_.mentions[inner] = {.where = m.where, .variables = {}};
            if (expect(*m.value, kind::map, inner)) {
                read_keys(s, *m.value, s.entry->add_item(owner, m.name), inner);
                check_required(s, m.where, inner);
            }
        }
    }

    void check_required(const schema& s, place where, const std::string& path)
    {
        for (const auto& k : s.keys) {
            const auto inner = join(path, k.name);
            if (k.entry != nullptr && k.entry->required && !out_.mentions.contains(inner)) {
                problems_.add(where, inner, "is missing");
            } else if (k.entry == nullptr && !k.reserved) {
                check_required(k, where, inner);
            }
        }
    }

    loaded& out_;
    problem_list& problems_;
    const environment& env_;
};

// "/products/*" -> "products", "/" -> "all".
std::string name_from(const std::string& path)
{
    std::string name;
    for (const char c : path) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
        if (plain) {
            name += c;
        } else if (!name.empty() && name.back() != '-') {
            name += '-';
        }
    }
    name.resize(std::min(name.find_last_not_of('-') + 1, longest_name - 8));   // room for a number
    return name.empty() ? "all" : name;
}

// Routes without a name get one that says what they are for and does not change when others come or go before them.
void name_routes(std::vector<routing::route>& routes)
{
    std::set<std::string> taken;
    for (const auto& r : routes) {
        taken.insert(r.name);
    }
    for (auto& r : routes) {
        if (r.name.empty()) {
            const auto base = name_from(r.match.path);
            auto name = base;
            for (int n = 2; !taken.insert(name).second; ++n) {
                name = base + "-" + std::to_string(n);
            }
            r.name = std::move(name);
        }
    }
}

loaded read(source_tree tree, const environment& env)
{
    loaded out;
    out.files = std::move(tree.files);
    problem_list problems;
    problems.add(std::move(tree.errors));
    if (tree.root) {
        reader(out, problems, env).read_root(*tree.root);
        name_routes(out.value.routes);
        // What the parts mean together can be told only once each part means something.
        check_together(out, problems);
    }
    out.problems = problems.take(out.files);
    if (out.ok()) {
        problem_list doubts(gravity::warning);
        doubt_together(out, doubts);
        out.warnings = doubts.take(out.files);
    }
    return out;
}

}  // namespace

std::string loaded::source_of(const std::string& path) const
{
    const auto found = mentions.find(path);
    if (found == mentions.end()) {
        return "default";
    }
    const auto& m = found->second;
    const auto line = files.at(m.where.file) + ":" + std::to_string(m.where.line);
    if (m.variables.empty()) {
        return line;
    }
    std::string names;
    for (const auto& v : m.variables) {
        names += (names.empty() ? "" : ", ") + v;
    }
    return "env " + names + " (" + line + ")";
}

place loaded::place_of(std::string path) const
{
    for (;;) {
        if (const auto m = mentions.find(path); m != mentions.end()) {
            return m->second.where;
        }
        const auto cut = path.find_last_of(".[");
        if (cut == path.npos) {
            return {};
        }
        path.resize(cut);
    }
}

loaded load(const std::filesystem::path& file, const environment& env) { return read(read_sources(file, env), env); }

loaded load_text(std::string_view text, std::string name, const environment& env)
{
    return read(read_sources(text, std::move(name), env), env);
}

}  // namespace tiercel::config
