#pragma once

// What ends at this hop, and what must not pass it (RFC 9110 §7.6).

#include <tiercel/message.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tiercel {

// Fields that belong to one connection, always (RFC 9110 §7.6.1).
bool is_hop_by_hop(header h) noexcept;

// The fields that a message's Connection lines name, on top. Naming what the message needs (Host, framing, credentials, Date …)
// has no effect, so that nobody can strip them from somebody else's message.
class connection_options {
public:
    explicit connection_options(const message_head& m) noexcept;
    bool strips(const field& f) const noexcept;

private:
    const message_head* head_ = nullptr;   // null: there is no Connection field
};

// Is that among the message's Connection options? `lower`: in lower case.
bool has_connection_option(const message_head& m, std::string_view lower) noexcept;

// Does this message end its connection? By version and Connection options (RFC 9112 §9.3).
bool wants_close(const message_head& m) noexcept;

// What X-Forwarded-Proto says: "http" or "https", by the last member of its last line (whoever is nearest wrote that). Nothing:
// it is absent or says something else.
std::optional<std::string_view> forwarded_scheme(const request_head& rq) noexcept;

// How many more hops a request may take (RFC 9110 §7.6.2). Nothing: any number; only OPTIONS is bound by it here (TRACE is
// refused), and only by a number.
std::optional<std::uint64_t> hops_left(const request_head& rq) noexcept;

// Request fields that steer some origins although they are part of no key: never forwarded as they came (cache poisoning).
// X-Forwarded-* and the like, method and URL overrides, and all names with "_".
bool is_unkeyed_influence(std::string_view name) noexcept;

}  // namespace tiercel
