#pragma once

// Where events come from, and what they invalidate.

#include <tiercel/clock.hpp>
#include <tiercel/units.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace tiercel::events {

enum class source_kind : std::uint8_t { redis_stream, redis_pubsub, webhook, poll };
enum class source_scope : std::uint8_t {
    tenant,   // each event is of one tenant and says of which
    all,      // events without a tenant concern the default one, or everything
};

// How a feed is asked for what is new.
enum class feed_cursor : std::uint8_t {
    id,       // what comes after the event of that id
    time,     // what has that stamp or a later one
};

// How a feed is told who we are; exactly one of token, token_file and origin, or none of them.
struct auth_options {
    std::string token;
    std::string token_file;
    std::string origin;                      // that gives tokens to clients (OAuth 2.0 client credentials),
    std::string path;                        // there
    std::string client_id;
    std::string client_secret;
    std::string scope;
};

struct source_options {
    std::string label;                       // names it in metrics, audit and dead letters
    source_kind kind = source_kind::redis_stream;
    std::string stream;                      // redis_stream
    std::string channel;                     // redis_pubsub
    source_scope scope = source_scope::tenant;
    std::string origin;                      // poll: where the feed is: a name in `origins`,
    std::string path;                        // and its path there, with a query if it has one
    feed_cursor cursor = feed_cursor::id;
    std::string parameter;                   // of the query, for the cursor; empty: lastEventId or since
    milliseconds interval{5'000};            // between two looks when there is nothing new
    milliseconds timeout{10'000};            // for one page
    byte_count max_page = 4_MiB;
    auth_options auth;
};

// What one rule invalidates: of these texts exactly one is given; {data.x} and the like stand for parts of the event.
struct effect_options {
    std::string url, prefix, host, entity, entity_list, tag, tenant, all;
};

enum class effect_mode : std::uint8_t { soft, hard };

struct rule_options {
    std::string on;                          // type of event; a trailing * matches what begins so
    std::string version;                     // only events of that version; empty: of any
    std::string tenant;                      // template; empty: as the event says
    std::vector<effect_options> invalidate;
    effect_mode mode = effect_mode::soft;
    std::vector<std::string> ignore_fields;  // an event that changes nothing else has no effect
};

enum class overload_rule : std::uint8_t { coalesce, reject };

struct event_options {
    std::vector<source_options> sources;
    std::vector<rule_options> rules;
    unsigned max_retries = 3;
    milliseconds dedup_ttl{7 * 24 * 3600 * 1000LL};
    milliseconds loopback_ttl{0};            // 0: each event is carried out
    milliseconds coalesce{100};
    std::size_t max_pending = 100'000;
    overload_rule overload = overload_rule::coalesce;
};

}  // namespace tiercel::events
