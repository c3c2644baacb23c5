#pragma once

// The admin API without its sockets: which calls exist, who may make them, what they answer. One row per call.

#include "admin/admin_source.hpp"
#include "admin/options.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::admin {

namespace http = boost::beast::http;

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

enum class access : std::uint8_t {
    anyone,   // no token: probes of an orchestrator carry none
    act,      // changes something: role system
    own,      // shows what belongs to the caller: a tenant's token shows that tenant
    order,    // changes what belongs to the caller: roles system and tenant
    event,    // the same, by events, which have media types of their own
    read,     // shows the whole process: roles read and system, but not a single tenant's token
};

// A call as it was made.
struct asked {
    const request& rq;
    std::string_view name;          // what stands for {name} in the path
    caller who{};
};

// Whoever answers later does it through this, from any thread.
using answer_handler = std::function<void(response)>;

struct call {
    http::verb method;              // get answers HEAD too
    std::string_view path;          // one segment may be {name}
    enum access needs;
    response (*handle)(admin_source& source, const asked& what);   // null: `begin` does it
    void (*begin)(admin_source& source, const asked& what, answer_handler done) = nullptr;
};

// Every call there is.
const std::vector<call>& calls();

// The role of the presented bearer token, if it is one of ours. Takes as long for a wrong token as for a right one.
std::optional<enum role> role_of(std::string_view presented, const std::vector<token_options>& tokens) noexcept;

// The answer to any request. Sets neither keep-alive nor Content-Length: the connection does.
// With no tokens configured everybody may call (the configuration then allows local listeners only), but the Host must be
// an address or localhost: otherwise a web page could reach a loopback listener by a name that it points there. For the same
// reason what changes something must come as application/json, which a page of another site cannot send unasked.
void answer(const request& rq, const admin_options& options, admin_source& source, answer_handler done);
// For calls that answer at once.
response answer(const request& rq, const admin_options& options, admin_source& source);

// An error document (RFC 9457).
response make_problem(http::status status, std::string_view detail);

}  // namespace tiercel::admin
