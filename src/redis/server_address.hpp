#pragma once

// Where a Redis server is and who we are to it, read from a URL.

#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel::redis {

struct server_address {
    std::string host;              // a name or a numeric address; empty for a unix socket
    std::uint16_t port = 6379;
    std::string unix_path;
    unsigned database = 0;
    std::string user;              // empty: AUTH by password alone
    std::string password;          // empty: no AUTH

    bool is_unix() const noexcept { return !unix_path.empty(); }
    // "10.0.0.1:6379" or "/run/redis.sock", for logs: no credentials.
    std::string text() const;

    friend bool operator==(const server_address&, const server_address&) = default;
};

// redis://[[user]:password@]host[:port][/database]  or  unix://[[user]:password@]/path[?db=database], percent-encoding undone.
// unix:/path is taken too. Anything else is refused with a sentence for the one who wrote it, which never repeats the password.
struct parsed_server_url {
    server_address address;
    std::string problem;           // empty: the address is good
};
parsed_server_url parse_server_url(std::string_view url);

}  // namespace tiercel::redis
