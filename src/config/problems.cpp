#include "config/problems.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace tiercel::config {
namespace {

std::string printable(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (u < 0x20 || u == 0x7f) {
            std::array<char, 8> buffer{};
            std::snprintf(buffer.data(), buffer.size(), "\\x%02x", u);
            out += buffer.data();
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

std::string to_text(const problem& p)
{
    std::string out = p.file + ":" + std::to_string(p.line) + ":" + std::to_string(p.column) + ": ";
    if (p.gravity == gravity::warning) {
        out += "warning: ";
    }
    if (!p.key.empty()) {
        out += p.key + ": ";
    }
    return printable(out + p.what);
}

void problem_list::add(place where, std::string key, std::string what)
{
    found_.push_back({where, std::move(key), std::move(what)});
}

void problem_list::add(std::vector<yaml_error> errors)
{
    std::move(errors.begin(), errors.end(), std::back_inserter(found_));
}

bool problem_list::has_inside(const std::string& key) const
{
    return std::any_of(found_.begin(), found_.end(), [&](const yaml_error& e) {
        return e.path.starts_with(key) && (e.path.size() == key.size() || e.path[key.size()] == '.' || e.path[key.size()] == '[');
    });
}

std::vector<problem> problem_list::take(const std::vector<std::string>& files)
{
    std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.where < b.where; });
    std::vector<problem> out;
    for (auto& e : std::exchange(found_, {})) {
        out.push_back({.file = files.at(e.where.file),
                       .line = e.where.line,
                       .column = e.where.column,
                       .key = std::move(e.path),
                       .what = std::move(e.what),
                       .gravity = gravity_});
    }
    return out;
}

}  // namespace tiercel::config
