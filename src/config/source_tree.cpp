#include "config/source_tree.hpp"

#include <algorithm>
#include <fstream>
#include <glob.h>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace tiercel::config {
namespace {

using kind = yaml_node::kind;

constexpr std::size_t largest_file = 16u << 20;   // far above any real one; /dev/zero must not eat the machine
constexpr std::string_view include_key = "include";

struct file_content {
    std::string text;
    std::string problem;
};

file_content read_file(const std::filesystem::path& path)
{
    std::error_code ec;
    if (std::filesystem::is_directory(path, ec)) {
        return {.text = {}, .problem = "is a folder, not a file"};
    }
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return {.text = {}, .problem = std::filesystem::exists(path, ec) ? "cannot be read" : "does not exist"};
    }
    std::string text(largest_file + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (in.bad()) {
        return {.text = {}, .problem = "cannot be read"};
    }
    if (text.size() > largest_file) {
        return {.text = {}, .problem = "is too large for a configuration"};
    }
    return {.text = std::move(text), .problem = {}};
}

std::vector<std::string> files_matching(const std::string& pattern)
{
    ::glob_t found{};
    const std::unique_ptr<::glob_t, void (*)(::glob_t*)> owner(&found, ::globfree);
    std::vector<std::string> names;
    if (::glob(pattern.c_str(), GLOB_NOCHECK, nullptr, &found) == 0) {   // sorted by name
        names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    return names;
}

class collector {
public:
    explicit collector(const environment& env) : env_(env) {}

    source_tree collect(std::string_view text, std::string name, const std::filesystem::path& folder)
    {
        read_.insert(std::filesystem::path(name).lexically_normal().string());
        yaml_ptr whole = parse(text, std::move(name));
        if (whole) {
            for (const auto& file : included_files(*whole, folder)) {
                add(whole, file);
            }
        }
        if (broken_) {
            whole = nullptr;
        }
        return {.root = std::move(whole), .files = std::move(files_), .errors = std::move(errors_)};
    }

    source_tree unreadable(std::string name, std::string why)
    {
        return {.root = nullptr, .files = {std::move(name)}, .errors = {{.where = {}, .path = {}, .what = std::move(why)}}};
    }

private:
    struct included {
        std::string name;
        place where;        // the pattern that brought it
        bool optional;      // from a pattern with stars
    };

    yaml_ptr parse(std::string_view text, std::string name)
    {
        const auto number = files_.size();
        files_.push_back(std::move(name));
        auto document = parse_yaml(text, number);
        broken_ = broken_ || !document.root;
        std::move(document.errors.begin(), document.errors.end(), std::back_inserter(errors_));
        return document.root;
    }

    std::vector<included> included_files(const yaml_node& main, const std::filesystem::path& folder)
    {
        std::vector<included> list;
        for (const auto& m : main.members) {
            if (m.name != include_key || m.value->what != kind::list) {
                continue;   // a value of another kind is refused where all keys are read
            }
            for (const auto& item : m.value->items) {
                const auto pattern = expand(item->text, env_);
                if (item->what != kind::scalar || pattern.problem || pattern.text.empty()) {
                    continue;
                }
                const bool stars = pattern.text.find_first_of("*?[") != std::string::npos;
                for (auto& name : files_matching((folder / pattern.text).string())) {
                    if (!stars || name.find_first_of("*?[") == std::string::npos) {
                        list.push_back({.name = std::move(name), .where = item->where, .optional = stars});
                    }
                }
            }
        }
        return list;
    }

    void add(yaml_ptr& whole, const included& file)
    {
        const std::string key(include_key);
        if (!read_.insert(std::filesystem::path(file.name).lexically_normal().string()).second) {
            if (!file.optional) {
                errors_.push_back({file.where, key, file.name + " is included twice"});
            }
            return;
        }
        auto content = read_file(file.name);
        if (!content.problem.empty()) {
            errors_.push_back({file.where, key, file.name + " " + content.problem});
            return;
        }
        const auto part = parse(content.text, file.name);
        if (part) {
            whole = unite(whole, without_include(part), {});
        }
    }

    yaml_ptr without_include(const yaml_ptr& part)
    {
        const auto is_include = [](const yaml_member& m) { return m.name == include_key; };
        const auto found = std::find_if(part->members.begin(), part->members.end(), is_include);
        if (found == part->members.end()) {
            return part;
        }
        errors_.push_back({found->where, std::string(include_key), "an included file cannot include others"});
        auto copy = std::make_shared<yaml_node>(*part);
        std::erase_if(copy->members, is_include);
        return copy;
    }

    // Nodes are shared (by aliases), so a united one is new.
    yaml_ptr unite(const yaml_ptr& a, const yaml_ptr& b, const std::string& path)
    {
        if (a->what == kind::null) {
            return b;
        }
        if (b->what == kind::null) {
            return a;
        }
        if (a->what != b->what || a->what == kind::scalar) {
            errors_.push_back({b->where, path, "is already set at " + files_.at(a->where.file) + ":" + std::to_string(a->where.line)});
            return a;
        }
        auto both = std::make_shared<yaml_node>(*a);
        if (a->what == kind::list) {
            both->items.insert(both->items.end(), b->items.begin(), b->items.end());
            return both;
        }
        for (const auto& m : b->members) {
            const auto same = [&](const yaml_member& x) { return x.name == m.name; };
            const auto found = std::find_if(both->members.begin(), both->members.end(), same);
            if (found == both->members.end()) {
                both->members.push_back(m);
            } else {
                found->value = unite(found->value, m.value, path.empty() ? m.name : path + "." + m.name);
            }
        }
        return both;
    }

    const environment& env_;
    std::vector<std::string> files_;
    std::vector<yaml_error> errors_;
    std::set<std::string> read_;
    bool broken_ = false;
};

}  // namespace

source_tree read_sources(const std::filesystem::path& file, const environment& env)
{
    auto content = read_file(file);
    if (!content.problem.empty()) {
        return collector(env).unreadable(file.string(), std::move(content.problem));
    }
    return collector(env).collect(content.text, file.string(), file.parent_path());
}

source_tree read_sources(std::string_view text, std::string name, const environment& env)
{
    return collector(env).collect(text, std::move(name), {});
}

}  // namespace tiercel::config
