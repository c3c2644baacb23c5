#pragma once

// The log in Redis: names, the script that appends, and what comes back when it is read.
//
//   PREFIX:{inv}:table   sorted set: member = mode and scope, score = the sequence that raised it last; "!head", "!floor"
//   PREFIX:{inv}:log     stream: id = <sequence>-0, fields p (sequence before), n (node), s (members), a (the invalidation as JSON)
//   PREFIX:{inv}:e:…     marks of events that were appended, with an expiry
//   PREFIX:{inv}:w:…     by sequence of a write: the event that it explains (events/loopback), with an expiry
//   PREFIX:{inv}:nodes   hash: node -> "<sequence applied> <microseconds of Redis>"
//
// All under one hash tag, so that one script may write them together: nobody sees the one without the other.

#include "coherence/invalidation.hpp"
#include "coherence/options.hpp"
#include "redis/script.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::coherence {

struct log_names {
    explicit log_names(const std::string& prefix);
    std::string event_mark(std::string_view event) const;
    std::string write_mark(sequence at) const;

    std::string base;
    std::string table;
    std::string log;
    std::string nodes;
};

// Sequence = max(Redis time in µs, head + spacing, at_least + spacing): it grows even when the clock steps back or an older copy of the data
// has taken over. Without a head the table is new, and everything that is older than this is invalid: "!floor".
// Drops a few members that are too old to concern anything that is stored, and a few of too many.
redis::script_call make_append(const log_options& o, const log_names& names, const std::string& node, const invalidation& i, sequence at_least);

struct appended {
    bool duplicate = false;
    sequence at = 0;
    sequence before = 0;    // the head that it followed; 0: there was none
    std::vector<bool> known{};   // of its events: was appended before
};
std::optional<appended> read_append(const redis::reply& r);

// One entry of the stream.
struct log_entry {
    sequence at = 0;
    sequence before = 0;
    std::string node;
    std::vector<std::pair<scope_hash, purge_mode>> scopes;
    std::string about;      // to_text() of the invalidation
};
std::optional<log_entry> read_entry(const redis::reply& r);

// Of the table; the score as Redis writes it.
std::optional<sequence> read_score(const redis::reply& r);
// "!head" and the like: of the table itself, no scope.
bool is_mark(std::string_view member) noexcept;

// The answer to TIME: since 1970.
std::optional<std::chrono::microseconds> read_time(const redis::reply& r);

// What a node tells of itself.
struct node_word {
    sequence applied = 0;
    std::chrono::microseconds heard{0};   // by the clock of Redis
};
std::optional<node_word> read_node(std::string_view text);

}  // namespace tiercel::coherence
