#include "coherence/invalidation.hpp"

#include <boost/json.hpp>

#include <array>
#include <charconv>

namespace tiercel::coherence {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, static_cast<std::size_t>(source_of::last_)> actions{"event", "api", "purge", "write"};

std::string text_at(const json::object& o, std::string_view name)
{
    const json::value* const v = o.if_contains(name);
    return v != nullptr && v->is_string() ? std::string(v->as_string()) : std::string();
}

std::string hex_of(scope_hash h)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string out(16, '0');
    for (std::size_t i = 16; i-- > 0; h >>= 4) { out[i] = digits[h & 0xf]; }
    return out;
}

}  // namespace

std::string_view name_of(source_of a) noexcept { return a < source_of::last_ ? actions[static_cast<std::size_t>(a)] : ""; }

std::string_view name_of(append_state s) noexcept
{
    switch (s) {
    case append_state::applied: return "applied";
    case append_state::pending: return "pending";
    case append_state::duplicate: return "duplicate";
    case append_state::refused: return "refused";
    }
    return "refused";
}

std::string member_of(scope_hash scope, purge_mode mode)
{
    return (mode == purge_mode::hard ? 'h' : 's') + hex_of(scope);
}

bool parse_member(std::string_view text, scope_hash& scope, purge_mode& mode) noexcept
{
    if (text.size() != 17 || (text[0] != 'h' && text[0] != 's')) { return false; }
    mode = text[0] == 'h' ? purge_mode::hard : purge_mode::soft;
    const auto [end, ec] = std::from_chars(text.data() + 1, text.data() + 17, scope, 16);
    return ec == std::errc() && end == text.data() + 17;
}

std::string to_text(const invalidation& i)
{
    json::array scopes;
    for (const scope_hash s : i.scopes) { scopes.emplace_back(member_of(s, i.mode)); }
    json::array names;
    for (const std::string& n : i.names) { names.emplace_back(n); }
    json::object o{{"id", i.id}, {"mode", name_of(i.mode)}, {"action", name_of(i.action)}, {"scopes", std::move(scopes)}, {"names", std::move(names)}};
    const auto add = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) { o[name] = value; }
    };
    add("event", i.event);
    add("source", i.source);
    add("actor", i.actor);
    add("tenant", i.tenant);
    add("reason", i.reason);
    add("repeats", i.repeats);
    if (i.coalesced != 0) { o["coalesced"] = i.coalesced; }
    return json::serialize(o);
}

bool from_text(std::string_view text, invalidation& out)
{
    boost::system::error_code ec;
    const json::value v = json::parse(json::string_view(text.data(), text.size()), ec);
    if (ec || !v.is_object()) { return false; }
    const json::object& o = v.as_object();
    out.id = text_at(o, "id");
    out.event = text_at(o, "event");
    out.mode = text_at(o, "mode") == "soft" ? purge_mode::soft : purge_mode::hard;
    const std::string action = text_at(o, "action");
    for (std::size_t a = 0; a < actions.size(); ++a) {
        if (actions[a] == action) { out.action = static_cast<source_of>(a); }
    }
    out.source = text_at(o, "source");
    out.actor = text_at(o, "actor");
    out.tenant = text_at(o, "tenant");
    out.reason = text_at(o, "reason");
    out.repeats = text_at(o, "repeats");
    if (const json::value* const n = o.if_contains("coalesced"); n != nullptr && n->is_int64() && n->as_int64() > 0) {
        out.coalesced = static_cast<std::size_t>(n->as_int64());
    }
    const json::value* const scopes = o.if_contains("scopes");
    if (scopes == nullptr || !scopes->is_array()) { return false; }
    for (const json::value& s : scopes->as_array()) {
        scope_hash scope = 0;
        purge_mode mode{};
        if (!s.is_string() || !parse_member(std::string_view(s.as_string().data(), s.as_string().size()), scope, mode)) { return false; }
        out.scopes.push_back(scope);
    }
    if (const json::value* const names = o.if_contains("names"); names != nullptr && names->is_array()) {
        for (const json::value& n : names->as_array()) {
            if (n.is_string()) { out.names.emplace_back(n.as_string()); }
        }
    }
    return true;
}

}  // namespace tiercel::coherence
