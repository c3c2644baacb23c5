#include "coherence/table_lookup.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::coherence {
namespace {

constexpr std::array modes{purge_mode::hard, purge_mode::soft};

}  // namespace

redis::command make_lookup(const log_names& names, std::span<const scope_hash> scopes)
{
    std::vector<std::string> members;
    for (const scope_hash s : scopes) {
        for (const purge_mode m : modes) { members.push_back(member_of(s, m)); }
    }
    std::vector<std::string_view> words{"ZMSCORE", names.table, "!head", "!floor"};
    words.insert(words.end(), members.begin(), members.end());
    return redis::command(std::span<const std::string_view>(words));
}

bool take_lookup(const redis::reply& r, std::span<const scope_hash> scopes, validity& v)
{
    if (r.kind != redis::reply::type::array || r.items.size() != 2 + modes.size() * scopes.size()) { return false; }
    std::vector<sequence> scores;   // 0: never
    for (const redis::reply& one : r.items) {
        const std::optional<sequence> s = read_score(one);
        if (!s && !one.is_nil()) { return false; }
        scores.push_back(s.value_or(0));
    }
    if (scores[0] == 0 || scores[0] < v.position()) { return false; }
    if (scores[1] > v.floor()) { v.raise_floor(scores[1]); }
    bool is_news = false;
    for (std::size_t i = 0; i < scopes.size(); ++i) {
        for (std::size_t m = 0; m < modes.size(); ++m) {
            const sequence s = scores[2 + modes.size() * i + m];
            if (s <= v.raised(scopes[i], modes[m])) { continue; }
            v.apply(scopes[i], modes[m], s);
            is_news = true;
        }
    }
    if (is_news) { v.touch(); }
    return true;
}

}  // namespace tiercel::coherence
