#include "app/process.hpp"

#include "app/cache_operations.hpp"
#include "app/log_watch.hpp"
#include "app/origins_report.hpp"
#include "async/listener.hpp"
#include "config/config_print.hpp"
#include "server/observers.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>
#include <thread>

namespace tiercel::app {
namespace {

using namespace std::chrono_literals;

std::uint64_t random_seed()
{
    std::random_device entropy;
    return (static_cast<std::uint64_t>(entropy()) << 32) | entropy();
}

telemetry::metric_names names_of(const config::config& c)
{
    telemetry::metric_names names;
    for (const auto& r : c.routes) {
        names.routes.push_back(r.name);
    }
    for (const auto& [name, o] : c.origins) {
        names.origins.push_back(name);
        for (const auto& e : o.endpoints) {
            names.endpoints.push_back({name, telemetry::redact_url(e.url)});
        }
    }
    for (const auto& s : c.invalidation.events.sources) {
        names.sources.push_back(s.label);
    }
    names.sources.push_back("api");
    names.version = TIERCEL_VERSION;
    return names;
}

coherence::log_options log_options_of(const config::config& c)
{
    coherence::log_options o;
    o.url = c.cache.l2.url;
    o.user = c.cache.l2.user;
    o.password = c.cache.l2.password;
    o.prefix = c.cache.l2.prefix;
    o.max_life = c.cache.l2.max_life;
    o.dedup_ttl = c.invalidation.events.dedup_ttl;
    o.repeat_after = c.invalidation.repeat_after;
    o.journal = c.invalidation.journal;
    return o;
}

events::intake_options intake_options_of(const config::config& c, std::string node)
{
    events::intake_options o;
    o.events = c.invalidation.events;
    o.prefix = c.cache.l2.prefix;
    o.node = std::move(node);
    o.has_journal = !c.invalidation.journal.path.empty();
    if (c.cache.l2.kind == l2::kind::redis) {
        o.url = c.cache.l2.url;
        o.user = c.cache.l2.user;
        o.password = c.cache.l2.password;
    }
    return o;
}

routing::cidr_set blocks_of(const std::vector<std::string>& texts)
{
    routing::cidr_set set;
    for (const std::string& text : texts) {
        if (const auto block = routing::cidr::parse(text)) {   // checked when the configuration was loaded
            set.add(*block);
        }
    }
    return set;
}

}  // namespace

process::process(const config::loaded& configuration, const clock& time)
    : loaded_(configuration), time_(time), started_(time.now())
{
    const config::config& c = configuration.value;
    logs_ = std::make_unique<telemetry::logs>(c.log, time);
    access_ = std::make_unique<telemetry::access_log>(c.log.access, logs_->get("access"));
    metrics_ = std::make_unique<telemetry::metrics>(names_of(c), c.metrics);
    l1_ = std::make_unique<memory_store>(c.cache.l1);
    if (c.invalidation.events.loopback_ttl.count() > 0) {
        writes_ = std::make_unique<coherence::recent_writes>(c.invalidation.events.loopback_ttl);
    }
    if (c.cache.l2.kind == l2::kind::redis) {
        log_watch_ = std::make_unique<log_watch>(*metrics_, logs_->get("coherence"), time, writes_.get());
        log_ = std::make_unique<coherence::invalidation_log>(log_options_of(c), time, valid_, audit_, *log_watch_);
    }
    tenants_ = std::make_unique<routing::tenancy>(c.tenancy);
    routes_ = std::make_unique<routing::route_table>(c.routes);
    context_ = std::make_unique<flow::process_context>(
        flow::process_context{time, *l1_, valid_, flights_, marks_, descriptors_, *tenants_, *routes_, random_seed(),
                              c.cache.tiers, c.cache.l1.max_object, log_.get(), &audit_, writes_.get()});
    context_->trusted = blocks_of(c.server.trusted_proxies);
    context_->purgers = blocks_of(c.server.purge.allow);
    shared_ = std::make_unique<server::server_shared>(*context_, c.server, c.cache.l2, l2::make_shared_memory(c.cache.l2),
                                                      *metrics_, *access_, logs_->get("server"));
    shared_->slow_origin = c.log.slow_origin;
    for (const auto& [name, options] : c.origins) {
        auto up = std::make_unique<origin::upstream>(name, options, time, random_seed());
        if (const error_code ec = up->resolve()) {
            throw std::runtime_error("origins." + name + ": no endpoint can be resolved");
        }
        shared_->upstreams.push_back(up.get());
        upstreams_.push_back(std::move(up));
    }
    event_watch_ = std::make_unique<event_watch>(*metrics_, logs_->get("events"), names_of(c).sources);
    make_intake();
    for (const auto& r : c.routes) {
        const auto at = c.origins.find(r.origin);
        shared_->upstream_of_route.push_back(static_cast<std::size_t>(std::distance(c.origins.begin(), at)));
    }
    watch();
}

// Feeds may lie on any origin.
void process::make_intake()
{
    events::intake_options o = intake_options_of(loaded_.value, log_ != nullptr ? log_->node() : "alone");
    feed_counts_ = std::make_unique<telemetry::cells>(metrics_->attach());
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        const std::string& name = upstreams_[i]->name();
        feed_observers_.push_back(std::make_unique<server::origin_observer>(*feed_counts_, logs_->get("events"), telemetry::origin_index(i), name));
        o.origins[name] = {upstreams_[i].get(), feed_observers_.back().get()};
    }
    o.has_fetched = [this] { return has_fetched(); };
    intake_ = std::make_unique<events::intake>(std::move(o), *context_, *event_watch_);
}

// Anything from an origin: it is under way, or it has ended.
bool process::has_fetched() const
{
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        const auto& all = upstreams_[i]->endpoints();
        if (std::any_of(all.begin(), all.end(), [](const auto& e) { return e->limit().inflight() != 0; })) { return true; }
        for (std::size_t r = 0; r < static_cast<std::size_t>(telemetry::origin_result::last_); ++r) {
            const auto how = static_cast<telemetry::origin_result>(r);
            if (metrics_->total(telemetry::metric::origin_requests_total, telemetry::origin_index(i), how) != 0) { return true; }
        }
    }
    return false;
}

process::~process()
{
    if (admin_ != nullptr) {
        admin_->stop();
    }
    stop_now();
    drain();
}

// Gauges that are asked for when metrics are read.
void process::watch()
{
    namespace m = telemetry::metric;
    metrics_->watch(m::l1_bytes, [this] { return static_cast<double>(l1_->usage().bytes); });
    metrics_->watch(m::l1_limit_bytes, [this] { return static_cast<double>(l1_->usage().limit); });
    metrics_->watch(m::l1_entries, [this] { return static_cast<double>(l1_->usage().entries); });
    for (std::size_t i = 0; i < static_cast<std::size_t>(cause::last_); ++i) {
        metrics_->watch(m::l1_evictions_total, [this, i] { return static_cast<double>(l1_->usage().removed[i]); },
                        static_cast<cause>(i));
    }
    if (log_ != nullptr) {
        metrics_->watch(m::invalidation_lag_seconds, [this] { return static_cast<double>(log_->status().lag.count()) / 1e6; },
                        static_cast<telemetry::source_index>(loaded_.value.invalidation.events.sources.size()));
    }
    for (std::size_t i = 0; i < loaded_.value.invalidation.events.sources.size(); ++i) {
        metrics_->watch(m::invalidation_lag_seconds, [this, i] { return static_cast<double>(intake_->lag().of(i, time_.now()).count()) / 1e3; },
                        static_cast<telemetry::source_index>(i));
    }
    metrics_->watch(m::dead_letters, [this] { return static_cast<double>(intake_->dead_letters()); });
    std::size_t number = 0;
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        const origin::upstream* up = upstreams_[i].get();
        metrics_->watch(m::origin_inflight, [up] {
            double n = 0;
            for (const auto& e : up->endpoints()) {
                n += static_cast<double>(e->limit().inflight());
            }
            return n;
        }, telemetry::origin_index(i));
        for (const auto& e : up->endpoints()) {
            const origin::endpoint* one = e.get();
            metrics_->watch(m::endpoint_healthy, [one] { return one->is_healthy() ? 1.0 : 0.0; }, telemetry::endpoint_index(number));
            metrics_->watch(m::breaker_state, [one] { return static_cast<double>(one->breaker().state()); },
                            telemetry::endpoint_index(number++));
        }
    }
}

// What goes on beside the traffic: addresses and certificates are kept up to date, endpoints are asked whether they are well.
void process::start_care()
{
    std::vector<origin::name_keeper::item> items;
    std::vector<origin::upstream*> upstreams;
    for (const auto& up : upstreams_) {
        upstreams.push_back(up.get());
        for (const auto& e : up->endpoints()) {
            items.push_back({e->known(), e->shared_tls(), up->options().resolve_interval, telemetry::redact_url(e->name())});
        }
    }
    auto log = logs_->get("server");
    names_ = std::make_unique<origin::name_keeper>(std::move(items), [log](std::string_view where, std::string_view what, bool trouble) {
        if (trouble) {
            TIERCEL_LOG(log, warn, "endpoint-trouble", "endpoint={} {}", where, what);
        } else {
            TIERCEL_LOG(log, info, "endpoint-change", "endpoint={} {}", where, what);
        }
    });
    names_->start();
    health_ = std::make_unique<origin::health_checker>(upstreams, [log](const auto& up, const auto& where, bool is_up) {
        TIERCEL_LOG(log, warn, "endpoint-health", "health check origin={} endpoint={} healthy={}", up.name(),
                    telemetry::redact_url(where.name()), is_up);
    });
    health_->start();
}

// "FILE:LINE: key: what", or without the place where the files do not speak of the key.
std::string process::with_place(const std::string& key, const std::string& what) const
{
    const bool is_written = loaded_.mentions.contains(key);
    return (is_written ? loaded_.source_of(key) + ": " : std::string()) + key + ": " + what;
}

void process::start()
{
    start_care();
    const config::config& c = loaded_.value;
    const unsigned threads = c.server.threads != 0 ? c.server.threads : std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < threads; ++i) {
        workers_.push_back(std::make_unique<server::worker>(*shared_, i == 0));
        if (i != 0) {
            workers_.back()->join(*workers_.front());
            continue;
        }
        for (std::size_t n = 0; n < c.server.listen.size(); ++n) {
            const auto where = async::parse_listen_address(c.server.listen[n].address).value();   // checked when the configuration was loaded
            try {
                workers_.back()->listen(where);
            } catch (const std::runtime_error& e) {
                throw std::runtime_error(with_place("server.listen[" + std::to_string(n) + "]", e.what()));
            }
            if (where.is_unix()) {
                unlink_at_end_.push_back(where.unix_path);
            }
        }
    }
    addresses_ = workers_.front()->addresses();
    if (!c.admin.listen.empty()) {
        admin_ = std::make_unique<admin::admin_server>(c.admin, static_cast<admin::admin_source&>(*this));
        if (const error_code ec = admin_->start()) {
            throw std::runtime_error(with_place("admin.listen", c.admin.listen + ": " + ec.message()));
        }
    }
    if (log_ != nullptr) {
        log_->start();
    }
    intake_->start();
    for (const auto& w : workers_) {
        {
            const std::lock_guard hold(mutex_);
            ++running_;
        }
        w->start();
    }
}

std::uint16_t process::admin_port() const noexcept { return admin_ != nullptr ? admin_->port() : 0; }

bool process::wait_for_workers(std::chrono::steady_clock::duration limit)
{
    std::unique_lock hold(mutex_);
    changed_.wait_for(hold, limit, [this] { return running_ == 0 || hurry_; });
    return running_ == 0;
}

bool process::drain()
{
    {
        const std::lock_guard hold(mutex_);
        if (draining_) {
            return true;
        }
        draining_ = true;
    }
    if (running_ != 0) {
        for (const auto& w : workers_) {
            w->drain([this] {
                const std::lock_guard hold(mutex_);
                --running_;
                changed_.notify_all();
            });
        }
    }
    const bool clean = wait_for_workers(loaded_.value.server.timeouts.drain);
    if (!clean) {
        for (const auto& w : workers_) {
            w->abort();
        }
    }
    for (const auto& w : workers_) {
        w->wait();
    }
    health_.reset();
    names_.reset();
    for (const std::string& path : unlink_at_end_) {
        ::unlink(path.c_str());
    }
    if (admin_ != nullptr) {
        admin_->stop();   // it looks at the workers
    }
    intake_->stop();
    if (log_ != nullptr) {
        log_->stop();
    }
    workers_.clear();
    access_->stop();
    logs_->stop();
    return clean;
}

void process::stop_now()
{
    const std::lock_guard hold(mutex_);
    hurry_ = true;
    changed_.notify_all();
}

void process::reopen_logs()
{
    logs_->reopen();
    access_->reopen();
}

// The smallest that a route has, if any has one.
milliseconds process::least_lag_budget() const
{
    milliseconds least = milliseconds::max();
    for (const routing::route& r : routes_->routes()) {
        if (r.caching.lag_budget.count() > 0) { least = std::min(least, r.caching.lag_budget); }
    }
    return least;
}

std::vector<admin::dependency> process::dependencies() const
{
    std::vector<admin::dependency> out;
    const config::config& c = loaded_.value;
    if (c.cache.l2.kind == l2::kind::redis) {
        const auto up = std::count_if(workers_.begin(), workers_.end(), [](const auto& w) { return w->l2_state() == l2::state::up; });
        admin::dependency d{"redis", admin::health::ok, ""};
        if (up != 0 && up != std::ssize(workers_)) {
            d.state = admin::health::degraded;
            d.reason = "reached by " + std::to_string(up) + " of " + std::to_string(workers_.size()) + " threads";
        } else if (up == 0) {
            d.state = c.cache.l2.required ? admin::health::down : admin::health::degraded;
            d.reason = "not reachable; answers come from the in-process tier and the origins";
        } else if (log_ != nullptr && d.state == admin::health::ok && !valid_.is_in_step()) {
            d.state = admin::health::degraded;
            const milliseconds unheard = time_.now() - valid_.known_until();
            d.reason = "the log of invalidations is not read: " + std::string(name_of(valid_.contact())) + ", for " +
                       std::to_string(unheard.count()) + " ms";
        } else if (std::string refused = log_ != nullptr ? log_->status().refused : std::string(); !refused.empty()) {
            d.state = admin::health::degraded;
            d.reason = "of the log of invalidations only the table is read, now and then: " + refused;
        } else if (const milliseconds lag = time_.now() - valid_.known_until(); lag > least_lag_budget()) {
            d.state = admin::health::degraded;
            d.reason = "invalidations are not known of the last " + std::to_string(lag.count()) + " ms";
        }
        out.push_back(std::move(d));
    }
    const auto sources = intake_ != nullptr ? intake_->sources() : std::vector<events::source_status>();
    for (std::size_t i = 0; i < sources.size(); ++i) {
        admin::dependency d{"events " + sources[i].label, admin::health::ok, ""};
        if (const milliseconds lag = intake_->lag().unknown_of(i, time_.now()); lag > least_lag_budget()) {
            d.state = admin::health::degraded;
            d.reason = lag == milliseconds::max() ? "nothing is known of its events yet"
                                                  : "its events are not known of the last " + std::to_string(lag.count()) + " ms";
        }
        if (!sources[i].works && !sources[i].problem.empty()) {
            d.state = admin::health::degraded;
            d.reason += (d.reason.empty() ? "not read: " : "; not read: ") + sources[i].problem;
        }
        out.push_back(std::move(d));
    }
    for (const auto& up : upstreams_) {
        admin::dependency d{"origin " + up->name(), admin::health::ok, ""};
        if (up->all_breakers_open()) {
            d.state = admin::health::degraded;
            d.reason = "every endpoint's breaker is open";
        }
        out.push_back(std::move(d));
    }
    return out;
}

std::string process::metrics_text() const { return metrics_->render(); }

std::string process::status_json() const
{
    const memory_store_usage u = l1_->usage();
    const config::config& c = loaded_.value;
    boost::json::object origins;
    for (const auto& up : upstreams_) {
        boost::json::array endpoints;
        for (const auto& e : up->endpoints()) {
            boost::json::object one;
            one["url"] = telemetry::redact_url(e->name());
            one["breaker"] = resilience::name_of(e->breaker().state());
            one["inflight"] = e->limit().inflight();
            one["connections"] = e->slots().open();
            endpoints.push_back(std::move(one));
        }
        origins[up->name()] = {{"endpoints", std::move(endpoints)}};
    }
    boost::json::array listen(addresses_.begin(), addresses_.end());
    constexpr std::string_view kinds[] = {"redis", "memory", "none"};
    boost::json::object status{
        {"version", TIERCEL_VERSION},
        {"uptime_seconds", std::chrono::floor<seconds>(time_.now() - started_).count()},
        {"listen", std::move(listen)},
        {"workers", workers_.size()},
        {"connections", shared_->connections.load()},
        {"flights", flights_.size()},
        {"l1", {{"bytes", u.bytes}, {"limit_bytes", u.limit}, {"entries", u.entries}}},
        {"l2", {{"kind", kinds[static_cast<std::size_t>(c.cache.l2.kind)]},
                {"state", workers_.empty() ? "off" : l2::name_of(workers_.front()->l2_state())}}},
        {"origins", std::move(origins)},
    };
    if (log_ != nullptr) {
        const coherence::log_status s = log_->status();
        status["invalidations"] = {{"contact", name_of(s.state)}, {"problem", s.problem}, {"applied", s.applied}, {"waiting", s.waiting},
                                   {"under_way", s.under_way},    {"scopes", s.scopes},   {"node", s.node},
                                   {"unheard_ms", (time_.now() - valid_.known_until()).count()}};
    }
    return boost::json::serialize(status);
}

std::string process::origins_json() const { return describe_origins(upstreams_, time_.now()); }

bool process::hold_breaker(std::string_view origin, std::string_view endpoint, admin::breaker_hold how)
{
    constexpr std::array wanted{resilience::breaker_override::open, resilience::breaker_override::closed,
                                resilience::breaker_override::automatic};
    auto counts = metrics_->attach();
    bool found = false;
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        if (upstreams_[i]->name() != origin) {
            continue;
        }
        for (const auto& e : upstreams_[i]->endpoints()) {
            if (!endpoint.empty() && endpoint != e->name() && endpoint != telemetry::redact_url(e->name())) {
                continue;
            }
            found = true;
            if (const auto moved = e->breaker().force(wanted[static_cast<std::size_t>(how)], time_.now())) {
                server::origin_observer(counts, shared_->log, telemetry::origin_index(i), upstreams_[i]->name())
                    .on_transition(*e, *moved);
            }
        }
    }
    return found;
}

void process::operate(admin::operation o, admin::operation_handler done)
{
    app::operate(std::move(o), *context_, audit_, *intake_, std::move(done));
}

std::string process::config_json() const { return config::effective_json(loaded_); }

}  // namespace tiercel::app
