#include "events/dead_letters.hpp"

#include <chrono>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::task;
using redis::reply;

std::optional<dead_letter> letter_of(const reply& entry)
{
    if (entry.items.size() != 2 || !entry.items[0].is_bulk() || entry.items[1].items.size() % 2 != 0) { return std::nullopt; }
    dead_letter out;
    out.id = entry.items[0].text;
    const reply& fields = entry.items[1];
    for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) { out.fields.emplace_back(fields.items[i].text, fields.items[i + 1].text); }
    return out;
}

}  // namespace

bool is_letter_id(std::string_view text) noexcept
{
    const std::size_t dash = text.find('-');
    const auto is_number = [](std::string_view part) { return !part.empty() && part.size() <= 19 && part.find_first_not_of("0123456789") == part.npos; };
    return dash != text.npos && is_number(text.substr(0, dash)) && is_number(text.substr(dash + 1));
}

std::string dead_letter::field(std::string_view name) const
{
    for (const auto& [n, value] : fields) {
        if (n == name) { return value; }
    }
    return {};
}

dead_letters::dead_letters(const intake_options& o, const clock& time, redis::client* client, background& beside)
    : options_(o), time_(time), client_(client), beside_(beside), name_(o.prefix + ":dlq")
{
}

void dead_letters::start()
{
    if (client_ != nullptr) { beside_.spawn(watch()); }
}

task<> dead_letters::watch()
{
    bool goes_on = !beside_.is_ending();
    while (goes_on) {
        redis::command c{"XLEN", name_};
        if (!client_->refusal(redis::lane::read)) {
            const result<reply> r = co_await client_->call(redis::lane::read, std::move(c));
            if (r && r->kind == reply::type::integer) { size_.store(static_cast<std::size_t>(r->integer), std::memory_order_relaxed); }
        }
        goes_on = co_await beside_.pause(1s);
    }
}

void dead_letters::list(std::size_t n, answer_handler<std::vector<dead_letter>> done)
{
    if (client_ == nullptr) {
        done(std::vector<dead_letter>());
        return;
    }
    redis::command c{"XREVRANGE", name_, "+", "-", "COUNT", std::to_string(n)};
    client_->send(redis::lane::read, std::move(c), [done = std::move(done)](const result<reply>& r) {
        if (!r || r->is_error()) {
            done(errc::redis_down);
            return;
        }
        std::vector<dead_letter> all;
        for (const reply& e : r->items) {
            std::optional<dead_letter> letter = letter_of(e);
            if (!letter) {
                done(errc::redis_reply);
                return;
            }
            all.push_back(std::move(*letter));
        }
        done(std::move(all));
    });
}

void dead_letters::bury(const burial& what, std::function<void(std::optional<std::string>)> done)
{
    const auto now = std::chrono::floor<milliseconds>(time_.wall());
    const std::string attempts = std::to_string(what.attempts);
    const std::string at = std::to_string(now.time_since_epoch().count());
    const std::string most = std::to_string(options_.most_dead_letters);
    const std::string reason = what.problem.substr(0, what.problem.find(':'));
    redis::command c{"XADD",  name_,        "MAXLEN",   "~",      most,       "*", "event", what.event,    "source", what.source, "error",
                     what.problem, "attempts", attempts, "failedAt", at, "node", options_.node, "reason", reason, "onlyTenant", what.only_tenant};
    client_->send(redis::lane::write, std::move(c), [this, done = std::move(done)](const result<reply>& r) {
        const bool kept = r && r->is_bulk();
        if (kept) { size_.fetch_add(1, std::memory_order_relaxed); }
        done(kept ? std::optional(r->text) : std::nullopt);
    });
}

void dead_letters::replay(const std::string& id, std::function<void(const dead_letter&, done_handler)> tried, done_handler done)
{
    if (client_ == nullptr) {
        done(event_result::failed, "there are no dead letters without Redis");
        return;
    }
    redis::command c{"XRANGE", name_, id, id};
    client_->send(redis::lane::read, std::move(c), [this, id, tried = std::move(tried), done = std::move(done)](const result<reply>& r) {
        if (!r || r->is_error()) {
            done(event_result::failed, "Redis does not answer");
            return;
        }
        if (r->items.empty()) {
            done(event_result::unmatched, "not found");
            return;
        }
        const std::optional<dead_letter> letter = letter_of(r->items[0]);
        if (!letter) {
            done(event_result::failed, "Redis answers something else than an entry");
            return;
        }
        tried(*letter, [this, id, done](event_result what, const std::string& problem) {
            drop(id, [](result<bool>) {});
            done(what, problem);
        });
    });
}

void dead_letters::drop(const std::string& id, answer_handler<bool> done)
{
    if (client_ == nullptr) {
        done(false);
        return;
    }
    redis::command c{"XDEL", name_, id};
    client_->send(redis::lane::write, std::move(c), [this, done = std::move(done)](const result<reply>& r) {
        if (!r || r->is_error()) {
            done(errc::redis_down);
            return;
        }
        if (r->integer == 1 && size_.load() > 0) { size_.fetch_sub(1, std::memory_order_relaxed); }
        done(r->integer == 1);
    });
}

}  // namespace tiercel::events
