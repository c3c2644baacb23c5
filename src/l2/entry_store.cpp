#include "l2/entry_store.hpp"

#include "cache/entry_codec.hpp"
#include "l2/lifetime.hpp"
#include "l2/redis_name.hpp"

#include <utility>
#include <variant>

namespace tiercel::l2 {
namespace {

using async::steady;
using async::task;

reason reason_of(errc e) noexcept
{
    switch (e) {
        case errc::redis_timeout: return reason::timeout;
        case errc::redis_breaker: return reason::breaker;
        case errc::redis_overload: return reason::overload;
        case errc::redis_reply: return reason::reply;
        default: return reason::down;
    }
}

reason reason_of(decode_error e) noexcept
{
    if (is_damage(e)) { return reason::checksum; }
    return e == decode_error::wrong_key ? reason::key : reason::version;
}

}  // namespace

entry_store::entry_store(const l2_options& o, const clock& time, observer& counts, std::unique_ptr<tier> t,
                         const validity* valid)
    : prefix_(o.prefix), max_value_(o.max_value), max_life_(o.max_life), time_(time), counts_(counts), tier_(std::move(t)),
      valid_(valid)
{
}

task<entry_ptr> entry_store::get(std::string_view tenant, std::string_view key, const hash128& seeded, sequence stamp)
{
    if (const auto why = tier_->read_refusal()) {
        fail(op::get, *why);
        co_return nullptr;
    }
    const auto began = steady::now();
    std::string name = entry_name(prefix_, tenant, key);
    const result<std::optional<std::string>> found = co_await tier_->read(std::move(name));
    if (!found) {
        fail(op::get, errc_of(found.error()));
        co_return nullptr;
    }
    counts_.on_call(op::get, steady::now() - began);
    if (!*found) { co_return nullptr; }

    const auto offset = tier_->shared_minus_local();
    if (!offset) {   // times without a common clock mean nothing
        fail(op::get, errc::redis_down);
        co_return nullptr;
    }
    std::variant<entry_ptr, decode_error> verified = decode(**found, key, seeded, *offset, stamp);
    if (entry_ptr* const e = std::get_if<entry_ptr>(&verified)) { co_return std::move(*e); }
    const decode_error problem = std::get<decode_error>(verified);
    counts_.on_failure(op::get, reason_of(problem));
    if (is_damage(problem)) { erase(entry_name(prefix_, tenant, key), op::del); }
    co_return nullptr;
}

// Empty when nothing can be written now, which is counted.
std::string entry_store::encoded(const entry& e)
{
    if (const auto why = tier_->write_refusal()) {
        fail(op::set, *why);
        return {};
    }
    const auto offset = tier_->shared_minus_local();
    if (!offset) {
        fail(op::set, errc::redis_down);
        return {};
    }
    std::string bytes;
    if (e.body_size() <= max_value_) { bytes = encode(e, *offset); }   // no work for what is too large anyway
    if (bytes.empty() || bytes.size() > max_value_) {
        counts_.on_failure(op::set, reason::too_large);
        return {};
    }
    return bytes;
}

void entry_store::put(std::string_view tenant, const entry_ptr& e)
{
    const milliseconds life = time_to_live(e->times(), time_.now(), max_life_);
    if (life <= milliseconds(0)) { return; }
    std::string bytes = encoded(*e);
    if (bytes.empty()) { return; }
    std::string name = entry_name(prefix_, tenant, e->key());
    auto counted = counting(op::set);
    if (valid_ == nullptr) {
        tier_->write(std::move(name), std::move(bytes), life, std::move(counted));
        return;
    }
    // An invalidation may come while the value is on its way, and its own word may overtake it on another connection. Whoever
    // is last looks: here, the value has arrived; after that the invalidation's word comes later than the value.
    tier_->write(name, std::move(bytes), life, [this, name, e, counted = std::move(counted)](std::optional<errc> problem) {
        counted(problem);
        if (!problem && !valid_->is_valid(e->scopes(), e->stamp())) { erase(name, op::del); }
    });
}

void entry_store::supersede(std::string_view tenant, const entry_ptr& e)
{
    std::string bytes = encoded(*e);
    if (!bytes.empty()) { tier_->replace(entry_name(prefix_, tenant, e->key()), std::move(bytes), counting(op::set)); }
}

void entry_store::remove(std::string_view tenant, std::string_view key)
{
    erase(entry_name(prefix_, tenant, key), op::del);
}

void entry_store::erase(std::string name, op o)
{
    if (const auto why = tier_->write_refusal()) {
        fail(o, *why);
        return;
    }
    tier_->erase(std::move(name), counting(o));
}

tier::write_handler entry_store::counting(op o)
{
    return [this, o, began = steady::now()](std::optional<errc> problem) {
        if (!problem || *problem == errc::redis_reply) { counts_.on_call(o, steady::now() - began); }
        if (problem) { fail(o, *problem); }
    };
}

void entry_store::fail(op o, errc e)
{
    counts_.on_failure(o, reason_of(e));
}

}  // namespace tiercel::l2
