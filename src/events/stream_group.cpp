#include "events/stream_group.hpp"

namespace tiercel::events {
namespace {

// Which run of Redis this is: another one after each restart.
constexpr std::string_view run_id_function = R"lua(
local function run_id()
  local all = redis.pcall('INFO', 'server')
  return type(all) == 'string' and string.match(all, 'run_id:(%w+)') or ''
end
)lua";

// MKSTREAM makes the stream if need be; its count is then 0. What lies in it no more before the group begins is none of its business.
const std::string create_script = std::string(run_id_function) + R"lua(
local was_there = redis.call('GET', KEYS[2])
local from = (was_there or ARGV[2] ~= 'new') and '0' or '$'
local read, is_counted = 0, true
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not info.err then
  local s = {}
  for i = 1, #info, 2 do s[info[i]] = info[i + 1] end
  is_counted = s['entries-added'] ~= nil
  if is_counted then
    read = s['entries-added']
    if from ~= '$' then read = read - s.length end
  end
end
local made = {err = 'syntax'}
if is_counted then made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], from, 'MKSTREAM', 'ENTRIESREAD', read) end
if made.err and string.find(made.err, 'syntax', 1, true) then
  made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], from, 'MKSTREAM')
end
if made.err then return made end
redis.call('SET', KEYS[2], run_id())
return was_there and 1 or 0
)lua";

// Where the group stands can be told when it has read everything, or when everything that it had read is gone; in between, later.
// The append-only file does not hold what the groups have read: a count from before a restart says nothing, and is begun anew.
const std::string lost_script = std::string(run_id_function) + R"lua(
local function fields(list)
  local out = {}
  for i = 1, #list, 2 do out[list[i]] = list[i + 1] end
  return out
end
local function is_after(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if am ~= bm then return tonumber(am) > tonumber(bm) end
  return tonumber(as) > tonumber(bs)
end
local s = fields(redis.call('XINFO', 'STREAM', KEYS[1]))
local group = nil
for _, g in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local of = fields(g)
  if of.name == ARGV[1] then group = of end
end
if not group or not s['entries-added'] then return 0 end
local last, first = group['last-delivered-id'], s['first-entry']
local all_read = last == s['last-generated-id']
if not all_read and first and not is_after(first[1], last) then return 0 end
local stands_at = all_read and s['entries-added'] or s['entries-added'] - s.length
local this_run = run_id()
if redis.call('GET', KEYS[2]) ~= this_run then
  redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], last, 'ENTRIESREAD', stands_at)
  redis.call('SET', KEYS[2], this_run)
  return 0
end
local read = group['entries-read']
local lost = read and stands_at - read or (all_read and 0 or 1)
if (ARGV[2] == 'settle' and lost ~= 0) or (all_read and not read) then
  redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], last, 'ENTRIESREAD', stands_at)
end
return lost
)lua";

// Not XAUTOCLAIM, which strikes trimmed entries off the list however short a time ago somebody was given them, who may be at work on them.
constexpr std::string_view claim_script = R"lua(
local ids, trimmed, entries = {}, {}, {}
for _, p in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', 512)) do
  if #redis.call('XRANGE', KEYS[1], p[1], p[1]) > 0 then ids[#ids + 1] = p[1] else trimmed[#trimmed + 1] = p[1] end
end
if #ids > 0 then entries = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], unpack(ids)) end
return {entries, trimmed}
)lua";

}  // namespace

redis::command claim_left(const std::string& stream, const std::string& consumer, milliseconds idle)
{
    return {"EVAL", claim_script, "1", stream, consumer_group, consumer, std::to_string(idle.count())};
}

redis::command create_group(const std::string& stream, const std::string& run, bool is_known)
{
    return {"EVAL", create_script, "2", stream, run, consumer_group, is_known ? "known" : "new"};
}

redis::command count_lost(const std::string& stream, const std::string& run)
{
    return {"EVAL", lost_script, "2", stream, run, consumer_group, "count"};
}

redis::command settle_lost(const std::string& stream, const std::string& run)
{
    return {"EVAL", lost_script, "2", stream, run, consumer_group, "settle"};
}

std::optional<std::int64_t> lost_entries(const redis::reply& r)
{
    return r.kind == redis::reply::type::integer ? std::optional(r.integer) : std::nullopt;
}

}  // namespace tiercel::events
