#pragma once

// Which route a request takes: where it goes, and by which rules it is cached. The first route that matches wins.

#include "http/query_rules.hpp"
#include "routing/host_pattern.hpp"
#include "routing/path_pattern.hpp"

#include <tiercel/rules.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::routing {

enum class route_mode : std::uint8_t {
    cache,
    pass,     // never from, never into the cache
    shadow,   // decide and count as with cache, but answer from the origin
};
enum class write_rule : std::uint8_t { invalidate, refresh, off };      // after an unsafe method that succeeded
enum class wait_rule : std::uint8_t { stale, fetch, unavailable };     // when a wait for another's fetch takes too long

struct match_rule {
    std::vector<std::string> hosts;     // names or "*.example.com"; empty: any
    std::string path = "/";             // path_pattern
    std::vector<std::string> methods;   // exact names; empty: any. GET includes HEAD
};

struct key_rules {
    query_rules query;
    std::vector<std::string> headers;   // whose values are part of the key
    std::vector<std::string> cookies;   // by name
};

struct xfetch_options {
    bool enabled = true;
    double beta = 1.0;                       // above 1: earlier
};

struct fill_lock_options {
    bool enabled = true;
    milliseconds lease{3'000};               // renewed each third of it: so long a dead holder stops the others
    milliseconds wait{50};                   // first pause of who waits without a word, then twice as long up to 400 ms
    milliseconds min_delta{5};               // quicker fetches are not worth the lock
};

struct stampede_options {
    bool coalesce = true;
    milliseconds max_wait{10'000};
    std::size_t max_waiters = 10'000;        // per key
    wait_rule on_timeout = wait_rule::stale;
    milliseconds error_memo{1'000};          // how long a key that got no answer at all is answered without asking again
    milliseconds mark_ttl{120'000};          // how long an uncacheable key is not waited for
    xfetch_options xfetch;                   // rules/early_refresh
    fill_lock_options lock;                  // over all instances
    std::vector<std::string> personal_cookies;   // a request with one of these never joins another's fetch
};

struct range_options {
    bool fill_whole = false;   // a miss with Range fetches the whole, for all, and is answered from that
};

// Scopes of answers beside those of their place and of their own fields. Templates (scope_template) over path and query.
struct scope_rules {
    std::string entity_type;            // empty: shows no entity
    std::string entity_id;              // what comes out empty: a list of that type
    std::vector<std::string> tags;
};

struct route {
    std::string name;
    match_rule match;
    std::string origin;
    route_mode mode = route_mode::cache;
    caching_policy caching;
    key_rules key;
    write_rule on_write = write_rule::invalidate;
    milliseconds deadline{30'000};           // for the whole request
    std::vector<std::string> upgrade{"*"};   // protocols that clients may switch to; never HTTP in another version
    stampede_options stampede;
    range_options range;
    scope_rules scopes;
};

// What is wrong with the routes, in words for whoever wrote them; nothing if all is well.
std::optional<std::string> problem(const std::vector<route>& routes);

// The first of the routes before routes[at] that alone takes all of its requests, so that it is never reached. One that several of
// them cover together is not found. REQUIRES: problem(routes) is empty.
std::optional<std::size_t> first_that_covers(const std::vector<route>& routes, std::size_t at);

// Thread: any; immutable. Pointers into it live as long as it does.
class route_table {
public:
    // REQUIRES: problem(routes) is empty.
    explicit route_table(std::vector<route> routes);
    route_table(const route_table&) = delete;
    route_table& operator=(const route_table&) = delete;

    // The first route for the request, or null. `host` and `path` in canonical form, `host` with or without a port.
    const route* match(std::string_view host, std::string_view path, std::string_view method) const noexcept;

    // Is any route for this host? If not, the request came to the wrong server (421) rather than to a wrong place (404).
    bool serves(std::string_view host) const noexcept;

    const std::vector<route>& routes() const noexcept { return routes_; }

private:
    class matcher {
    public:
        explicit matcher(const match_rule& rule);
        bool has_host(std::string_view name) const noexcept;
        bool matches(std::string_view name, std::string_view path, std::string_view method) const noexcept
        {
            return path_.matches(path) && has_host(name) && has_method(method);
        }

    private:
        bool has_method(std::string_view method) const noexcept;

        std::vector<host_pattern> hosts_;
        path_pattern path_;
        std::vector<std::string> methods_;
    };

    std::vector<route> routes_;
    std::vector<matcher> matchers_;   // one per route, same order
    bool names_hosts_ = false;        // some route asks for the host; else nobody looks for its port
};

}  // namespace tiercel::routing
