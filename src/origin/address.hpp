#pragma once

// Where an endpoint is: the URL of the configuration taken apart, and looked up.

#include "async/task.hpp"

#include <tiercel/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::origin {

// http[s]://host[:port], http[s]://[v6]:port or unix:/path.
struct address {
    std::string host;          // name or literal, an IPv6 one without brackets; empty for a unix socket
    std::uint16_t port = 80;
    std::string path;          // of the unix socket
    bool secure = false;       // speaks TLS

    bool is_unix() const noexcept { return !path.empty(); }
};

struct parsed_address {
    address where;
    std::string problem;       // empty: `where` is good
};

parsed_address parse_address(std::string_view url);

// Every socket address of it, in the order of the resolver. Literals and unix sockets need no resolver.
// Blocks for names: to be called before the loops run. Errors: origin_unresolved.
result<std::vector<async::endpoint>> resolve(const address& a);

}  // namespace tiercel::origin
