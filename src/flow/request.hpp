#pragma once

// One request on its way through the flow, and what became of it.

#include "http/framing.hpp"
#include "http/query_rules.hpp"
#include "http/target.hpp"
#include "routing/route_table.hpp"

#include <tiercel/cache_key.hpp>
#include <tiercel/message.hpp>
#include <tiercel/rules.hpp>

#include <chrono>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

// Who is at the other end of a client connection; fixed at accept.
struct peer {
    std::string address;          // "192.0.2.1" or "unix"
    bool trusted = false;         // in server.trusted_proxies
    bool may_purge = false;       // in server.purge.allow
};

// Buffers whose capacity is kept from request to request, so that a hit allocates nothing.
struct request_scratch {
    std::string target;
    query_scratch query;
    std::string key;
    std::string secondary;        // key with secondary parts, when the resource varies
    std::string upgrade;
    std::string id;
};

// Facts of one request: views into the connection's buffer and its scratch, valid until the request is answered.
struct request {
    request_head head;
    std::string_view raw;                    // the head's bytes
    const peer* from = nullptr;
    canonical_target target;
    std::string_view scheme = "http";        // of the target URI (RFC 9110 §7.1): a constant, "http" or "https"
    std::string_view own_authority;          // what the client has connected to; set if it is old and names no host
    std::string_view query;                  // as keyed and forwarded
    bool has_query = false;
    framing content;                         // of the request's own content
    std::string_view tenant;                 // empty when the request bypasses the cache
    const routing::route* route = nullptr;
    bool ambiguous = false;                  // another route would be as good: past the cache
    std::string_view key;                    // framed primary key
    std::string_view resource;               // its beginning, without what the route adds: one for all answers of a URL
    hash128 hash;
    std::string_view id;                     // X-Request-ID
    std::string_view upgrade;                // protocols that the client asks for and may ask for
    instant now{};
    std::chrono::steady_clock::time_point began{};      // the last of its head came
    std::chrono::steady_clock::time_point deadline{};   // the answer must have begun by then; set when it is clear that it must wait
    bool keep_alive = true;                  // what the client wants and the server allows
    bool debug = false;                      // Tiercel-Debug from a trusted peer
};

// The outcome of one request, for metrics, access log and Cache-Status alike.
struct answered {
    int status = 0;
    byte_count content_bytes = 0;            // of the answer's content that was sent
    outcome what = outcome::error;
    detail why = detail::none;
    forward_reason forward = forward_reason::none;
    int forward_status = 0;
    bool stored = false;
    bool collapsed = false;
    unsigned attempts = 0;
    std::chrono::microseconds origin_time{0};
    std::string_view own_fields;             // complete lines for this client alone; owned by whoever composes the answer
    errc failure{};                          // set when what is error, or the client left
    bool close = false;                      // the client connection cannot be used any further
    bool reset = false;                      // and must not end cleanly: the close would say that the content is whole
};

// A copy of a request that outlives its connection: fills and refreshes belong to the key, not to the client.
class kept_request {
public:
    explicit kept_request(const request& original);
    kept_request(const kept_request&) = delete;
    kept_request& operator=(const kept_request&) = delete;

    const request& view() const noexcept { return view_; }

private:
    std::string raw_;
    std::list<std::string> composed_;        // what no client has sent so
    std::vector<field> fields_;
    std::string host_;
    std::string path_;
    std::string query_;
    std::string tenant_;
    std::string key_;
    std::string id_;
    peer from_;
    request view_;
};

}  // namespace tiercel::flow
