#pragma once

// The consumer group of a stream, and whether entries were trimmed before it had read them.
//
// Redis counts the entries that were ever added to a stream, and for a group those it has read. What lies in the stream no more and is
// not among the read ones is lost. Redis itself does not notice: it counts on from where the group was, so once a loss was seen to, the
// group's count is set right. Redis before 7 counts neither; there nothing is noticed. Nor is what was trimmed across a restart of Redis,
// after which the group's count is not to be relied on. That a group was there before is remembered with all of its Redis.

#include "redis/resp_codec.hpp"

#include <tiercel/clock.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiercel::events {

inline constexpr std::string_view consumer_group = "tiercel";

// `run` names the key that remembers in which run of Redis the group was counted, and that there has been one.
// A first group begins now; one that was there, which that key or `is_known` tells, with what there is. The reply is an error if there is
// such a group: BUSYGROUP, else 1 if that key was there.
redis::command create_group(const std::string& stream, const std::string& run, bool is_known);

// The reply is read by lost_entries().
redis::command count_lost(const std::string& stream, const std::string& run);
// From now on they are not counted any more. As much as can be told now: what is read meanwhile is not forgotten.
redis::command settle_lost(const std::string& stream, const std::string& run);
// Nothing: that is no reply to this.
std::optional<std::int64_t> lost_entries(const redis::reply& r);

// Takes over what somebody was given so long ago and has not acknowledged, some at a time. The reply has two lists: entries, and the ids of
// those that were trimmed meanwhile, which nobody has taken over.
redis::command claim_left(const std::string& stream, const std::string& consumer, milliseconds idle);

}  // namespace tiercel::events
