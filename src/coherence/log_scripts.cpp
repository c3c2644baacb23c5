#include "coherence/log_scripts.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel::coherence {
namespace {

// KEYS: table, log, marks of the events. If all of those are known, nothing is done.
// ARGV: spacing, at_least, node, life of the marks in ms, max_life in µs, most scopes, most log entries, JSON, then members. Numbers
// are below 2^53, so Lua's are exact.
const redis::script& append_script()
{
    static const redis::script s(R"lua(
local known = {}
local new = 0
for i = 3, #KEYS do
  known[i - 2] = tostring(redis.call('EXISTS', KEYS[i]))
  if known[i - 2] == '0' then new = new + 1 end
end
if #KEYS > 2 and new == 0 then return {'duplicate'} end
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local spacing = tonumber(ARGV[1])
local seq = now
local head = redis.call('ZSCORE', KEYS[1], '!head')
local before = 0
if head then before = tonumber(head) end
local at_least = tonumber(ARGV[2])
if before > 0 and before + spacing > seq then seq = before + spacing end
if at_least > 0 and at_least + spacing > seq then seq = at_least + spacing end
if not head then
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
  if #last > 0 then
    local id = tonumber(string.match(last[1][1], '^(%d+)'))
    if id + spacing > seq then seq = id + spacing end
  end
  redis.call('ZADD', KEYS[1], string.format('%.0f', seq), '!floor')
end
local text = string.format('%.0f', seq)
redis.call('ZADD', KEYS[1], text, '!head')
local members = {}
for i = 9, #ARGV do
  redis.call('ZADD', KEYS[1], text, ARGV[i])
  members[#members + 1] = ARGV[i]
end
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - tonumber(ARGV[5])), 'LIMIT', 0, 64)
for _, m in ipairs(old) do
  if m ~= '!head' and m ~= '!floor' then redis.call('ZREM', KEYS[1], m) end
end
local over = redis.call('ZCARD', KEYS[1]) - 2 - tonumber(ARGV[6])
if over > 0 then
  local popped = redis.call('ZRANGE', KEYS[1], 0, math.min(over, 64) - 1, 'WITHSCORES')
  local floor = tonumber(redis.call('ZSCORE', KEYS[1], '!floor') or '0')
  for i = 1, #popped, 2 do
    if popped[i] ~= '!head' and popped[i] ~= '!floor' then
      redis.call('ZREM', KEYS[1], popped[i])
      if tonumber(popped[i + 1]) > floor then floor = tonumber(popped[i + 1]) end
    end
  end
  redis.call('ZADD', KEYS[1], string.format('%.0f', floor), '!floor')
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], text .. '-0', 'p', string.format('%.0f', before), 'n', ARGV[3],
           's', table.concat(members, ' '), 'a', ARGV[8])
for i = 3, #KEYS do redis.call('SET', KEYS[i], text, 'PX', ARGV[4]) end
return {text, string.format('%.0f', before), table.concat(known)}
)lua");
    return s;
}

std::optional<sequence> number_in(std::string_view text) noexcept
{
    sequence n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    return ec == std::errc() && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

}  // namespace

log_names::log_names(const std::string& prefix)
    : base(prefix + ":{inv}:"), table(base + "table"), log(base + "log"), nodes(base + "nodes")
{
}

std::string log_names::event_mark(std::string_view event) const { return base + "e:" + std::string(event); }

std::string log_names::write_mark(sequence at) const { return base + "w:" + std::to_string(at); }

redis::script_call make_append(const log_options& o, const log_names& names, const std::string& node, const invalidation& i, sequence at_least)
{
    redis::script_call call{.what = &append_script(),
                            .keys = {names.table, names.log},
                            .arguments = {std::to_string(validity::spacing), std::to_string(at_least), node,
                                          std::to_string(o.dedup_ttl.count()), std::to_string(o.max_life.count() * 1000),
                                          std::to_string(o.max_scopes), std::to_string(o.max_entries), to_text(i)}};
    if (!i.event.empty()) { call.keys.push_back(names.event_mark(i.event)); }
    for (const std::string& e : i.also) { call.keys.push_back(names.event_mark(e)); }
    for (const scope_hash s : i.scopes) { call.arguments.push_back(member_of(s, i.mode)); }
    return call;
}

std::optional<appended> read_append(const redis::reply& r)
{
    if (r.kind != redis::reply::type::array || r.items.empty()) { return std::nullopt; }
    if (r.items.size() == 1) { return r.items[0].text == "duplicate" ? std::optional(appended{.duplicate = true}) : std::nullopt; }
    const auto at = number_in(r.items[0].text);
    const auto before = number_in(r.items[1].text);
    if (r.items.size() != 3 || !at || !before || *at == 0) { return std::nullopt; }
    appended out{false, *at, *before, {}};
    for (const char c : r.items[2].text) {
        if (c != '0' && c != '1') { return std::nullopt; }
        out.known.push_back(c == '1');
    }
    return out;
}

std::optional<log_entry> read_entry(const redis::reply& r)
{
    if (r.items.size() != 2 || r.items[1].items.size() % 2 != 0) { return std::nullopt; }
    log_entry e;
    const std::string_view id = r.items[0].text;
    const std::size_t dash = id.find('-');
    const auto at = number_in(id.substr(0, dash));
    if (!at || dash == id.npos || id.substr(dash) != "-0") { return std::nullopt; }
    e.at = *at;
    bool has_before = false;
    const auto& fields = r.items[1].items;
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        const std::string& name = fields[i].text;
        const std::string& value = fields[i + 1].text;
        if (name == "p") {
            const auto before = number_in(value);
            if (!before) { return std::nullopt; }
            e.before = *before;
            has_before = true;
        } else if (name == "n") {
            e.node = value;
        } else if (name == "a") {
            e.about = value;
        } else if (name == "s") {
            std::string_view rest = value;
            while (!rest.empty()) {
                const std::size_t end = std::min(rest.find(' '), rest.size());
                scope_hash scope = 0;
                purge_mode mode{};
                if (!parse_member(rest.substr(0, end), scope, mode)) { return std::nullopt; }
                e.scopes.emplace_back(scope, mode);
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        }
    }
    return has_before ? std::optional(std::move(e)) : std::nullopt;
}

std::optional<sequence> read_score(const redis::reply& r)
{
    if (!r.is_bulk()) { return std::nullopt; }
    if (const auto plain = number_in(r.text)) { return plain; }
    double d = 0;   // "1.7e+15"
    const auto [end, ec] = std::from_chars(r.text.data(), r.text.data() + r.text.size(), d);
    const bool good = ec == std::errc() && end == r.text.data() + r.text.size() && d >= 0 && d < 9007199254740992.0;
    return good ? std::optional(static_cast<sequence>(d)) : std::nullopt;
}

bool is_mark(std::string_view member) noexcept { return member.starts_with('!'); }

std::optional<std::chrono::microseconds> read_time(const redis::reply& r)
{
    constexpr sequence longest = sequence{1} << 53;   // as everywhere in the log, in microseconds
    if (r.items.size() != 2 || !r.items[0].is_bulk() || !r.items[1].is_bulk()) { return std::nullopt; }
    const auto seconds_part = number_in(r.items[0].text);
    const auto micros = number_in(r.items[1].text);
    if (!seconds_part || !micros || *micros >= 1'000'000 || *seconds_part >= longest / 1'000'000) { return std::nullopt; }
    return std::chrono::microseconds(static_cast<std::int64_t>(*seconds_part * 1'000'000 + *micros));
}

std::optional<node_word> read_node(std::string_view text)
{
    constexpr sequence longest = sequence{1} << 53;
    const std::size_t blank = text.find(' ');
    if (blank == text.npos) { return std::nullopt; }
    const auto applied = number_in(text.substr(0, blank));
    const auto heard = number_in(text.substr(blank + 1));
    if (!applied || !heard || *applied >= longest || *heard >= longest) { return std::nullopt; }
    return node_word{*applied, std::chrono::microseconds(static_cast<std::int64_t>(*heard))};
}

}  // namespace tiercel::coherence
