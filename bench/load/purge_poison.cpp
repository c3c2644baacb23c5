// Events that nobody can carry out come in between good ones: text that is no event, kinds of scope that are not known, events without a tenant,
// and a rule that finds nothing in them. They are tried as often as has a use, and then lie with the dead letters, saying why. The good ones in
// between do not wait for them: each is measured from XADD until all instances give an answer that was made after it, with the poison in
// between, and without. At last the rule is mended, and what failed for it is replayed.

#include "load/purge.hpp"

#include "support/raw_client.hpp"
#include "support/temp_dir.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <thread>

namespace tiercel::load::purge {
namespace {

using namespace std::chrono_literals;

constexpr nanoseconds lag_allowed = 100ms;

struct poison {
    std::string_view name;
    std::string_view stream;   // loose: events may lack a tenant there
    std::string_view text;     // # stands for a number of its own
    std::string_view attempts;
};
// The last one can be carried out once the rule is mended: it names page #.
constexpr std::array kinds_of_poison{
    poison{"no-json", "loose", R"({"id":"no-json-#")", "1"},
    poison{"no-event", "loose", R"({"specversion":"1.0","id":"no-event-#"})", "1"},
    poison{"unknown-kind", "loose",
           R"({"specversion":"1.0","source":"/p","id":"unknown-kind-#","type":"tiercel.invalidate.v1","data":{"scopes":[{"kind":"planet","name":"x"}]}})", "1"},
    poison{"no-tenant", "strict",
           R"({"specversion":"1.0","source":"/p","id":"no-tenant-#","type":"tiercel.invalidate.v1","data":{"scopes":[{"kind":"tag","name":"x"}]}})", "1"},
    poison{"no-field", "loose", R"({"specversion":"1.0","source":"/p","id":"no-field-#","type":"page.changed","data":{"number":"#"}})", "4"},
};
const std::string broken_rule = "page-{data.nummer}";
const std::string mended_rule = "page-{data.number}";

std::string numbered(std::string_view text, std::size_t n)
{
    std::string out;
    for (const char c : text) {
        if (c == '#') {
            out += std::to_string(n);
        } else {
            out += c;
        }
    }
    return out;
}

std::string target_of(std::size_t k) { return "/page/" + std::to_string(k) + "?clock=1&ttl=86400"; }

void add(stage& all, std::string_view stream, const std::string& event)
{
    all.redis().command({"XADD", std::string(stream), "*", "event", event});
}

void wait_for_groups(stage& all)
{
    const auto has_group = [&](const char* stream) { return all.redis().command({"XINFO", "GROUPS", stream}).elements.size() == 1; };
    if (!test::eventually([&] { return has_group("loose") && has_group("strict"); })) { throw std::runtime_error("nobody reads the streams"); }
}

// One client at each node, who looks until the page is new.
class onlookers {
public:
    explicit onlookers(const stage& all)
    {
        for (const std::uint16_t port : all.ports()) { clients_.emplace_back(port); }
    }
    // When the last of the nodes gave an answer that was made after `t`; no_time: not within a while.
    nanoseconds wait_for(std::size_t page, nanoseconds t)
    {
        const nanoseconds limit = clock_now() + 5s;
        std::size_t known = 0;   // to so many of them, in order
        while (known < clients_.size()) {
            const test::http_response r = clients_[known].get(target_of(page));
            if (r.status == 200 && nanoseconds(number_in(r.body)) >= t) {
                ++known;
            } else if (clock_now() > limit) {
                return no_time;
            }
        }
        return clock_now();
    }
    void fill(std::size_t pages)
    {
        for (test::raw_client& c : clients_) {
            for (std::size_t k = 0; k < pages; ++k) { c.get(target_of(k)); }
        }
    }

private:
    std::vector<test::raw_client> clients_;
};

struct observed {
    histogram lag;
    std::uint64_t late = 0;
    std::uint64_t never = 0;
};

// Good events one after the other, each with one of poison before it if it is to be so.
observed good_events(stage& all, onlookers& by, std::size_t events, bool with_poison)
{
    observed out;
    for (std::size_t n = 0; n < events; ++n) {
        if (with_poison) {
            const poison& p = kinds_of_poison[n % kinds_of_poison.size()];
            add(all, p.stream, numbered(p.text, n));
        }
        const nanoseconds sent = clock_now();
        add(all, "loose", event_of((with_poison ? "mixed" : "alone") + std::to_string(n), "page-" + std::to_string(n)));
        const nanoseconds known = by.wait_for(n, sent);
        if (known == no_time) {
            ++out.never;
            continue;
        }
        out.lag.record(static_cast<std::uint64_t>((known - sent).count()));
        out.late += known - sent > lag_allowed ? 1 : 0;
    }
    return out;
}

using letter = std::map<std::string, std::string>;

std::vector<letter> dead_letters(stage& all)
{
    std::vector<letter> out;
    for (const auto& entry : all.redis().command({"XRANGE", "tcl:dlq", "-", "+"}).elements) {
        letter one{{"id", entry.elements.at(0).text}};
        const auto& fields = entry.elements.at(1).elements;
        for (std::size_t i = 0; i + 1 < fields.size(); i += 2) { one[fields[i].text] = fields[i + 1].text; }
        out.push_back(std::move(one));
    }
    return out;
}

const poison* kind_of(const letter& l)
{
    const auto event = l.find("event");
    const auto at = std::find_if(kinds_of_poison.begin(), kinds_of_poison.end(), [&](const poison& p) {
        return event != l.end() && event->second.find(std::string(p.name) + "-") != std::string::npos;
    });
    return at == kinds_of_poison.end() ? nullptr : &*at;
}

// It says what an operator has to know, and was tried as often as it should.
bool is_sound(letter l, std::int64_t not_before)
{
    const poison* const p = kind_of(l);
    return p != nullptr && l["attempts"] == p->attempts && !l["error"].empty() && !l["reason"].empty() && !l["node"].empty() &&
           number_in(l["failedAt"]) >= static_cast<std::uint64_t>(not_before);
}

void mend_rule(stage& all)
{
    for (unsigned i = 0; i < all.size(); ++i) {
        std::string text = test::read_file(all.node(i).configuration_file());
        text.replace(text.find(broken_rule), broken_rule.size(), mended_rule);
        all.node(i).rewrite_configuration(text);
        all.node(i).restart();
        if (!all.node(i).wait_until_well()) { throw std::runtime_error("a node does not get well with the mended rule"); }
    }
}

std::int64_t wall_now()
{
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

void poison_in_between(const settings& s, measurement& m)
{
    const std::size_t events = s.quick ? 100 : 2'000;
    stage_options o;
    o.nodes = 3;
    o.redis = true;
    o.node.threads = s.threads;
    o.node.l2 = "timeout: 1s";
    o.node.route = "tags: [\"page-{path.2}\"]";
    o.node.invalidation = "sources: [{label: loose, kind: redis_stream, stream: loose, scope: all}, {label: strict, kind: redis_stream, stream: strict}], "
                          "rules: [{on: page.changed, mode: hard, invalidate: [{tag: \"" + broken_rule + "\"}]}]";
    stage all(std::move(o));
    all.wait_until_acquainted();
    wait_for_groups(all);
    observed alone, mixed;
    const std::int64_t began = wall_now();
    std::size_t expected = events;
    {
        onlookers by(all);
        by.fill(events);
        alone = good_events(all, by, events, false);
        mixed = good_events(all, by, events, true);
    }
    const auto buried = [&] { return static_cast<std::size_t>(all.redis().command({"XLEN", "tcl:dlq"}).integer); };
    test::eventually([&] { return buried() >= expected; }, 60s);
    const std::vector<letter> letters = dead_letters(all);
    std::uint64_t unsound = 0;
    for (const letter& l : letters) { unsound += is_sound(l, began) ? 0 : 1; }

    mend_rule(all);
    onlookers after(all);
    after.fill(events);
    std::uint64_t replayed = 0, without_effect = 0, revived = 0;
    for (const letter& l : letters) {
        const bool can_be_mended = kind_of(l) == &kinds_of_poison.back();
        if (!can_be_mended && replayed % 10 != 0) { continue; }   // some of the others: they must stay
        const nanoseconds now = clock_now();
        const auto r = post(all.node(static_cast<unsigned>(replayed % all.size())), "/v1/dead-letters/" + l.at("id") + "/replay", "{}");
        if (!can_be_mended) {
            revived += r.status == 200 ? 1 : 0;
            continue;
        }
        ++replayed;
        const boost::json::value event = boost::json::parse(l.at("event"));
        const std::size_t page = number_in(std::string_view(event.at("data").at("number").as_string()));
        without_effect += r.status != 200 || after.wait_for(page, now) == no_time ? 1 : 0;
    }
    test::eventually([&] { return buried() <= expected - replayed; }, 10s);

    const std::string of = "of " + std::to_string(events) + " with one of poison before each";
    const std::uint64_t limit = events / (s.quick ? 5 : 100);   // the short form runs beside other tests
    m.checks.push_back(count_at_most(mixed.never + alone.never, "good event", "without effect, " + of, 0));
    m.checks.push_back(count_at_most(mixed.late, "good event", "later than 100 ms on some instance, " + of, limit));
    m.checks.push_back(count_at_least(letters.size(), "dead letter", "", expected));
    m.checks.push_back(count_at_most(letters.size(), "dead letter", "", expected));
    m.checks.push_back(count_at_most(unsound, "dead letter", "tried too often or too seldom, or without why it failed and when", 0));
    m.checks.push_back(count_at_least(replayed, "event", "replayed after the rule was mended", events / kinds_of_poison.size()));
    m.checks.push_back(count_at_most(without_effect, "event", "replayed without effect", 0));
    m.checks.push_back(count_at_most(revived, "event", "taken on that nobody can carry out", 0));
    m.checks.push_back(count_at_most(buried(), "dead letter", "left, of those that cannot be mended", expected - replayed));
    m.requests += 2 * events;
    m.figures.push_back(time_figure("poison: from XADD to effect on all instances, good events alone, p50", nanoseconds(alone.lag.quantile(0.5))));
    m.figures.push_back(time_figure("poison: good events alone, p99", nanoseconds(alone.lag.quantile(0.99))));
    m.figures.push_back(time_figure("poison: good events with poison in between, p50", nanoseconds(mixed.lag.quantile(0.5))));
    m.figures.push_back(time_figure("poison: good events with poison in between, p99", nanoseconds(mixed.lag.quantile(0.99))));
    m.figures.push_back(time_figure("poison: the longest of these", nanoseconds(mixed.lag.max())));
}

}  // namespace tiercel::load::purge
