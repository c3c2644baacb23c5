#pragma once

// The parts of the scenario `purge`. Each sets up its own processes and adds what it found. Where the origin's pages say when they were
// made (`clock`), an answer is old for a purge when it was made before the purge was asked for. All times are of the steady clock, which the
// processes of a machine share.

#include "load/scenario.hpp"
#include "load/stage.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::load::purge {

// Purges of some kinds while all nodes are under load, each waited for.
void under_load(const settings& s, measurement& m);
// A hundred thousand pages, purges of every kind, not waited for.
void kinds(const settings& s, measurement& m);
// The same few pages purged again and again while they are being fetched.
void versions(const settings& s, measurement& m);
// A node that stands still while the log runs past it.
void standstill(const settings& s, measurement& m);
// Redis dies and comes back while events come.
void redis_killed(const settings& s, measurement& m);
// Instances die while they read a stream of events.
void consumer_killed(const settings& s, measurement& m);
// Events that nobody can carry out, among good ones.
void poison_in_between(const settings& s, measurement& m);
// Very many tags.
void many_tags(const settings& s, measurement& m);

// ---- what they share

inline constexpr nanoseconds no_time{0};
nanoseconds clock_now();
double milliseconds_of(nanoseconds t);
figure time_figure(std::string name, nanoseconds t);
figure count_figure(std::string name, std::uint64_t n);
// Digits and nothing else; 0 for anything else.
std::uint64_t number_in(std::string_view text);

// One answer of a page that says when it was made.
struct dated {
    std::size_t page = 0;
    nanoseconds due{0}, came{0}, made{0};
    source by = source::nobody;
    unsigned node = 0;
};

struct purged {
    nanoseconds asked{0};
    nanoseconds acknowledged{0};
};

// POST to the admin API on a connection of its own; from any thread.
test::http_response post(const test::proxy& node, const std::string& target, const std::string& body,
                         const std::string& type = "application/json");
// A CloudEvent that invalidates that tag.
std::string event_of(const std::string& id, const std::string& tag);
// A batch of them. How many the node has taken on.
std::uint64_t send_events(const test::proxy& node, const std::vector<std::string>& events);

}  // namespace tiercel::load::purge
