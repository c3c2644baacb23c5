#include "app/cache_operations.hpp"

#include "events/encodings.hpp"
#include "events/feed.hpp"
#include "events/operations.hpp"

#include <boost/json.hpp>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <memory>

namespace tiercel::app {
namespace {

namespace json = boost::json;
using admin::operation;
using admin::operation_answer;
using admin::operation_handler;
using events::event_result;

events::order order_of(const operation& o)
{
    return {o.who.name, o.who.role == admin::role::tenant ? o.who.tenant : std::string(), o.query, o.body};
}

operation_answer answer_of(events::order_answer a) { return {a.status, std::move(a.body)}; }

// ---- events

void take(const operation& o, events::intake& in, operation_handler done)
{
    events::events_found found = events::find_events(o.content_type, o.fields, o.body);
    if (!found.problem.empty()) {
        done({400, "No event: " + found.problem});
        return;
    }
    std::vector<std::string>& all = found.texts;
    const std::size_t source = in.webhook().value_or(SIZE_MAX);
    const std::string only = o.who.role == admin::role::tenant ? o.who.tenant : std::string();
    for (const std::string& text : all) {
        if (!only.empty() && !in.is_only_about(only, text, source)) {
            done({403, "This token may send events of its tenant only."});
            return;
        }
    }
    if (all.size() == 1) {
        if (const events::event_read read = events::read_event(all.front()); !read.good) {
            done({400, "No event: " + read.problem});
            return;
        }
    }
    struct tally {
        std::atomic<std::size_t> open;
        std::array<std::atomic<std::size_t>, static_cast<std::size_t>(event_result::last_)> by_result{};
        operation_handler done;
    };
    const auto t = std::make_shared<tally>();
    t->open = all.size() + 1;
    t->done = std::move(done);
    const auto end_one = [t] {
        if (--t->open != 0) { return; }
        json::object counts;
        for (std::size_t i = 0; i < t->by_result.size(); ++i) {
            if (const std::size_t n = t->by_result[i]; n != 0) { counts[name_of(static_cast<event_result>(i))] = n; }
        }
        t->done({202, json::serialize(json::object{{"results", std::move(counts)}})});
    };
    const bool taken = in.submit(std::move(all), source, only, [t, end_one](event_result r, const std::string&) {
        ++t->by_result[static_cast<std::size_t>(r)];
        end_one();
    });
    if (!taken) {
        t->done({429, "Too many events are under way.", 1});
        return;
    }
    end_one();
}

// ---- dead letters

void list_dead(const operation& o, events::intake& in, operation_handler done)
{
    std::size_t n = 100;
    const std::string_view asked = events::parameter(o.query, "n");
    std::from_chars(asked.data(), asked.data() + asked.size(), n);
    in.list_dead(std::min<std::size_t>(n, 10'000), [done = std::move(done)](result<std::vector<events::dead_letter>> all) {
        if (!all) {
            done({503, "Redis does not answer."});
            return;
        }
        json::array list;
        for (const events::dead_letter& d : *all) {
            json::object one{{"id", d.id}};
            for (const auto& [name, value] : d.fields) { one[name] = value; }
            list.push_back(std::move(one));
        }
        done({200, json::serialize(json::object{{"dead_letters", std::move(list)}})});
    });
}

void replay(const operation& o, events::intake& in, operation_handler done)
{
    if (!events::is_letter_id(o.name)) {
        done({400, "This is no id of a dead letter."});
        return;
    }
    in.replay(o.name, [done = std::move(done)](event_result r, const std::string& problem) {
        if (problem == "not found") {
            done({404, "There is no such dead letter."});
        } else if (r == event_result::failed) {
            done({503, problem});
        } else if (r == event_result::dead) {
            done({409, "It is still of no use: " + problem});
        } else {
            done({200, json::serialize(json::object{{"result", name_of(r)}})});
        }
    });
}

void drop(const operation& o, events::intake& in, operation_handler done)
{
    in.drop(o.name, [done = std::move(done)](result<bool> there) {
        if (!there) {
            done({503, "Redis does not answer."});
        } else if (!*there) {
            done({404, "There is no such dead letter."});
        } else {
            done({200, R"({"dropped":true})"});
        }
    });
}

std::string time_of(wall_time t) { return events::stamp_of(std::chrono::duration_cast<std::chrono::microseconds>(t.time_since_epoch()).count()); }

operation_answer sources_of(const events::intake& in, instant now)
{
    json::array list;
    std::size_t place = 0;
    for (const events::source_status& s : in.sources()) {
        json::object one{{"label", s.label}, {"works", s.works}, {"cursor", s.cursor}, {"standby", s.stands_by}, {"gaps", s.gaps}};
        if (!s.problem.empty()) { one["problem"] = s.problem; }
        if (s.heard) { one["last_contact"] = time_of(*s.heard); }
        if (s.troubled) { one["last_error"] = {{"what", s.last_problem}, {"time", time_of(*s.troubled)}}; }
        one["known"] = in.lag().unknown_of(place, now) != milliseconds::max();
        one["lag_seconds"] = static_cast<double>(in.lag().of(place++, now).count()) / 1e3;
        json::object results;
        for (const auto& [name, n] : s.results) { results[name] = n; }
        one["results"] = std::move(results);
        list.push_back(std::move(one));
    }
    return {200, json::serialize(json::object{{"sources", std::move(list)}, {"pending", in.pending()}, {"dead_letters", in.dead_letters()}})};
}

}  // namespace

void operate(operation o, flow::process_context& p, coherence::audit& rows, events::intake& in, operation_handler done)
{
    using enum admin::operation_kind;
    switch (o.what) {
    case invalidate:
        events::invalidate(order_of(o), p, [done = std::move(done)](events::order_answer a) { done(answer_of(std::move(a))); });
        return;
    case list_invalidations: done(answer_of(events::list_invalidations(order_of(o), rows))); return;
    case show_invalidation: done(answer_of(events::show_invalidation(order_of(o), o.name, rows))); return;
    case take_events: take(o, in, std::move(done)); return;
    case list_dead_letters: list_dead(o, in, std::move(done)); return;
    case replay_dead_letter: replay(o, in, std::move(done)); return;
    case drop_dead_letter:
        if (o.who.role == admin::role::tenant) {
            done({403, "Dead letters belong to no tenant."});
            return;
        }
        if (!events::is_letter_id(o.name)) {
            done({400, "This is no id of a dead letter."});
            return;
        }
        drop(o, in, std::move(done));
        return;
    case show_sources: done(sources_of(in, p.time.now())); return;
    }
    done({500, "This call is not known."});
}

}  // namespace tiercel::app
