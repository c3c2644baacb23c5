#include "events/intake.hpp"

#include "async/spawn.hpp"
#include "events/channel_source.hpp"
#include "events/poll_source.hpp"
#include "events/stream_source.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::task;

std::optional<redis::connection_options> connection_of(const intake_options& o)
{
    if (o.url.empty()) { return std::nullopt; }
    redis::parsed_server_url parsed = redis::parse_server_url(o.url);
    if (!parsed.problem.empty()) { throw std::invalid_argument("cache.l2.url: " + parsed.problem); }
    redis::connection_options c;
    c.address = std::move(parsed.address);
    if (!o.user.empty()) { c.address.user = o.user; }
    if (!o.password.empty()) { c.address.password = o.password; }
    c.name = "tiercel-events";
    c.stall_timeout = 3s;
    return c;
}

std::unique_ptr<redis::client> client_of(const std::optional<redis::connection_options>& how, async::loop& l, const clock& time, milliseconds timeout)
{
    if (!how) { return nullptr; }
    redis::client_options c;
    c.connection = *how;
    c.timeout = timeout;
    return std::make_unique<redis::client>(l, time, c, [](redis::state, std::string_view) {});
}

}  // namespace

intake::intake(intake_options o, flow::process_context& p, intake_observer& observer)
    : options_(std::move(o)), redis_(connection_of(options_)), client_(client_of(redis_, loop_, p.time, options_.redis_timeout)), beside_(loop_),
      board_(options_.events.sources, p.time, observer), lag_(options_.events.sources, p.time, p.valid),
      dead_(options_, p.time, client_.get(), beside_),
      echoes_(options_, p, client_.get()), orders_(loop_, beside_, p, options_.events.coalesce),
      runner_(loop_, beside_, board_, lag_, dead_, echoes_, orders_, p, options_), surplus_(loop_, beside_, board_, options_.events, p)
{
    if (redis_) { means_.emplace(source_means{loop_, beside_, board_, runner_, lag_, surplus_, options_, p, *client_, *redis_, async::steady::now()}); }
}

intake::~intake() { stop(); }

std::optional<std::size_t> intake::webhook() const noexcept
{
    const auto& all = options_.events.sources;
    const auto found = std::find_if(all.begin(), all.end(), [](const source_options& s) { return s.kind == source_kind::webhook; });
    return found == all.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - all.begin()));
}

// Nothing: of a kind that is not read from, or what it is read from is not there.
std::unique_ptr<source> intake::make_source(std::size_t at) const
{
    if (!means_) { return nullptr; }
    const source_options& s = options_.events.sources[at];
    switch (s.kind) {
    case source_kind::redis_stream: return std::make_unique<stream_source>(*means_, at);
    case source_kind::redis_pubsub: return std::make_unique<channel_source>(*means_, at);
    case source_kind::poll: return std::make_unique<poll_source>(*means_, at);
    case source_kind::webhook: break;
    }
    return nullptr;
}

void intake::start()
{
    keep_running_.emplace(loop_.get_executor());
    if (client_) { client_->start(); }
    dead_.start();
    for (std::size_t i = 0; i < options_.events.sources.size(); ++i) {
        if (std::unique_ptr<source> s = make_source(i)) {
            sources_.push_back(std::move(s));
            sources_.back()->start();
        }
    }
    thread_ = std::thread([this] { loop_.context().run(); });
}

void intake::stop()
{
    if (!thread_.joinable()) { return; }
    loop_.post([this] { async::spawn(loop_.context(), stop_on_loop()); });
    thread_.join();
}

task<> intake::stop_on_loop()
{
    beside_.end();
    for (const auto& s : sources_) { co_await s->stop(); }
    co_await runner_.settled(options_.redis_timeout);
    for (const auto& s : sources_) { co_await s->conclude(); }
    co_await beside_.ended();
    if (client_) { co_await client_->stop(); }
    keep_running_.reset();
}

bool intake::submit(std::vector<std::string> texts, std::size_t source, const std::string& only_tenant, const done_handler& done)
{
    std::size_t places = texts.size();
    if (options_.events.overload == overload_rule::coalesce) {
        places = runner_.reserve_up_to(texts.size());
        std::vector<surplus_event> rest;
        for (std::size_t i = places; i < texts.size(); ++i) { rest.push_back(surplus_.read(texts[i], source, only_tenant)); }
        if (!surplus_.try_take(rest, [done](const surplus_event& e) { done(e.result, e.problem); })) {
            runner_.release(places);
            return false;
        }
    } else if (!runner_.try_reserve(places)) {
        return false;
    }
    texts.resize(places);
    for (std::string& text : texts) {
        auto j = std::make_shared<job>();
        j->text = std::move(text);
        j->source = source;
        j->only_tenant = only_tenant;
        j->done = done;
        loop_.post([this, j = std::move(j)] { runner_.attempt(j); });
    }
    return true;
}

bool intake::is_only_about(std::string_view tenant, std::string_view text, std::size_t source) const
{
    const event_read read = read_event(text);
    if (!read.good) { return true; }   // about nothing
    if (read.good->tenant != tenant) { return false; }
    const std::vector<effect> all = runner_.effects_of(*read.good, source, tenant);
    return std::none_of(all.begin(), all.end(), [](const effect& e) { return e.what == effect::kind::foreign; });
}

void intake::list_dead(std::size_t n, answer_handler<std::vector<dead_letter>> done)
{
    loop_.post([this, n, done = std::move(done)]() mutable { dead_.list(n, std::move(done)); });
}

void intake::replay(std::string id, done_handler done)
{
    const auto try_it = [this](const dead_letter& letter, done_handler ended) {
        auto j = std::make_shared<job>();
        j->text = letter.field("event");
        j->only_tenant = letter.field("onlyTenant");
        j->source = board_.place_of(letter.field("source"));
        // Whoever asked knows it by its old id, which is gone.
        j->done = [of = std::weak_ptr(j), ended = std::move(ended)](event_result r, const std::string& problem) {
            const std::shared_ptr<job> it = of.lock();
            ended(r, it == nullptr || it->letter.empty() ? problem : problem + "; it is the dead letter " + it->letter + " now");
        };
        runner_.reserve();
        runner_.attempt(j);
    };
    loop_.post([this, id = std::move(id), try_it, done = std::move(done)]() mutable { dead_.replay(id, try_it, std::move(done)); });
}

void intake::drop(std::string id, answer_handler<bool> done)
{
    loop_.post([this, id = std::move(id), done = std::move(done)]() mutable { dead_.drop(id, std::move(done)); });
}

}  // namespace tiercel::events
