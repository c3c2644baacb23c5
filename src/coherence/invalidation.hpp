#pragma once

// One invalidation, as it is asked for, kept, logged and told.

#include <tiercel/scope.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::coherence {

enum class source_of : std::uint8_t { event, api, purge, write, last_ };
std::string_view name_of(source_of a) noexcept;

struct invalidation {
    std::string id;                       // names it in the audit; made when empty
    std::string event;                    // source and id of an event: appended once under this name. Empty: no such check
    std::vector<std::string> also{};      // names of more events that share it; not written down
    std::size_t coalesced = 0;            // so many
    purge_mode mode = purge_mode::hard;
    source_of action = source_of::api;
    std::string source;                   // label of the event source, else empty
    std::string actor;                    // who asked
    std::string tenant;                   // empty: of no single one
    std::string reason;
    std::string repeats;                  // the id of the one that this is again (invalidation.repeat_after); mostly empty
    std::vector<scope_hash> scopes;
    std::vector<std::string> names;       // of the scopes, "tag:red", for people
};

// At most so many scopes in one append.
inline constexpr std::size_t most_scopes = 256;

enum class append_state : std::uint8_t {
    applied,      // in the log, and here
    pending,      // here; Redis cannot be reached, it will be told
    duplicate,    // the event was appended before
    refused,      // too much waits for Redis already
};
std::string_view name_of(append_state s) noexcept;

struct receipt {
    append_state state = append_state::refused;
    sequence at = 0;                      // of the log; 0 unless applied
    std::string id;
    std::vector<bool> known{};            // applied: of its event and those that shared it: was appended before. Empty: none was
};

// A line of the journal and a field of the log: the same JSON object.
std::string to_text(const invalidation& i);
// False: that is none.
bool from_text(std::string_view text, invalidation& out);

// "h0123456789abcdef": a member of the table.
std::string member_of(scope_hash scope, purge_mode mode);
bool parse_member(std::string_view text, scope_hash& scope, purge_mode& mode) noexcept;

}  // namespace tiercel::coherence
