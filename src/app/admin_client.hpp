#pragma once

// Commands that ask a running instance through its admin API.

#include "app/commands.hpp"

#include <string>
#include <vector>

namespace tiercel::app {

struct admin_place {
    std::string url = "http://127.0.0.1:9080";
    std::string token;
    bool json = false;                       // print the answer as it came
};

// The place that a configuration describes, with a token of it that may do most. What is wrong with that, instead: nothing listens,
// or only on a unix socket.
struct configured_place {
    admin_place place;
    std::string problem;
};
configured_place place_in(const config::loaded& what);

struct purge_request {
    std::vector<std::string> scopes;         // "https://h/p", or KIND:NAME
    std::string tenant;
    std::string reason;
    bool hard = false;
    bool wait = false;                       // until every live instance has applied it
    std::string timeout = "2s";
};

// `tiercel purge SCOPE…`
exit_code purge(const admin_place& at, const purge_request& what, console io);

// `tiercel dlq list | replay ID… | drop ID…`
exit_code list_dead_letters(const admin_place& at, console io);
exit_code replay_dead_letters(const admin_place& at, const std::vector<std::string>& ids, console io);
exit_code drop_dead_letters(const admin_place& at, const std::vector<std::string>& ids, console io);

// `tiercel origins`
exit_code list_origins(const admin_place& at, console io);
// `tiercel origins NAME open | closed | auto`; of one endpoint, or of all when it is empty.
exit_code hold_breaker(const admin_place& at, const std::string& origin, const std::string& endpoint, const std::string& state, console io);

}  // namespace tiercel::app
