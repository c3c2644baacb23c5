#pragma once

#include <string>
#include <vector>

namespace tiercel::admin {

enum class role : unsigned char { read, tenant, system };

struct token_options {
    std::string token;
    enum role role = role::read;
    std::string tenant;       // for role tenant
};

struct admin_options {
    std::string listen = "127.0.0.1:9080";   // empty: no admin listener
    std::vector<token_options> tokens;       // at least one is required to listen anywhere but loopback or a unix socket
};

}  // namespace tiercel::admin
