#include "l2/entry_store.hpp"

#include "cache/entry_codec.hpp"
#include "l2/fill_lease.hpp"
#include "l2/lifetime.hpp"
#include "l2/redis_name.hpp"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

namespace tiercel::l2 {
namespace {

using async::steady;
using async::task;

constexpr milliseconds stamp_margin{10'000};   // how far our idea of the clock of Redis may be behind it, and more

reason reason_for(decode_error e) noexcept
{
    if (is_damage(e)) { return reason::checksum; }
    return e == decode_error::wrong_key ? reason::key : reason::version;
}

}  // namespace

entry_store::entry_store(const l2_options& o, const store_context& context, std::unique_ptr<tier> t)
    : prefix_(o.prefix), max_value_(o.max_value), max_life_(o.max_life), time_(context.time), counts_(context.counts),
      wheel_(context.loop.wheel()), tier_(std::move(t)), valid_(context.valid), wakes_(context.wakes)
{
}

task<found_entry> entry_store::get(std::string_view tenant, std::string_view key, const hash128& seeded)
{
    found_entry out;
    if (const auto why = read_refusal()) {
        fail(op::get, *why);
        out.failed = true;
        co_return out;
    }
    const bool blindly = is_blind();   // contact may come back while this waits: then it is not read up yet
    const auto began = steady::now();
    std::string name = entry_name(prefix_, tenant, key);
    const result<std::optional<std::string>> found = co_await tier_->read(std::move(name));
    if (!found) {
        fail(op::get, errc_of(found.error()));
        out.failed = true;
        co_return out;
    }
    counts_.on_call(op::get, steady::now() - began);
    if (*found) { out.stored = verified(**found, tenant, key, seeded); }
    if ((blindly || is_blind()) && out.stored != nullptr) {
        const lookup seen = co_await look_up(out.stored->scopes());
        out.failed = seen != lookup::known;
        if (out.failed) { out.stored = nullptr; }
    }
    co_return out;
}

task<found_entries> entry_store::get_all(std::string_view tenant, std::span<const wanted> keys)
{
    found_entries out;
    out.stored.resize(keys.size());
    if (keys.empty()) { co_return out; }
    if (const auto why = read_refusal()) {
        fail(op::get, *why);
        out.failed = true;
        co_return out;
    }
    const bool blindly = is_blind();
    const auto began = steady::now();
    std::vector<std::string> names;
    for (const wanted& w : keys) { names.push_back(entry_name(prefix_, tenant, w.key)); }
    std::vector<result<std::optional<std::string>>> found = co_await tier_->read_all(std::move(names));
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (!found[i]) {
            fail(op::get, errc_of(found[i].error()));
            out.failed = true;
            continue;
        }
        counts_.on_call(op::get, steady::now() - began);
        if (*found[i]) { out.stored[i] = verified(**found[i], tenant, keys[i].key, keys[i].seeded); }
    }
    if (blindly || is_blind()) {
        const lookup seen = co_await look_up_all(out.stored);
        out.failed = out.failed || seen != lookup::known;
        if (seen != lookup::known) { std::fill(out.stored.begin(), out.stored.end(), nullptr); }
    }
    co_return out;
}

// What others have stored can only be judged by who knows what was invalidated, or asks for it each time.
std::optional<errc> entry_store::read_refusal() const
{
    if (valid_ != nullptr && !valid_->is_in_step() && !is_blind()) { return errc::redis_down; }
    return tier_->read_refusal();
}

task<lookup> entry_store::look_up_all(std::span<const entry_ptr> entries)
{
    std::vector<scope_hash> scopes;
    for (const entry_ptr& e : entries) {
        if (e != nullptr) { scopes.insert(scopes.end(), e->scopes().begin(), e->scopes().end()); }
    }
    std::sort(scopes.begin(), scopes.end());
    scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
    if (scopes.empty()) { co_return lookup::known; }
    const lookup seen = co_await look_up(scopes);
    co_return seen;
}

task<lookup> entry_store::look_up(std::span<const scope_hash> scopes)
{
    if (valid_ == nullptr) { co_return lookup::unreachable; }
    if (const auto why = tier_->read_refusal()) {
        fail(op::lookup, *why);
        co_return lookup::unreachable;
    }
    const auto began = steady::now();
    const result<lookup> seen = co_await tier_->look_up(scopes, *valid_);
    if (!seen) {
        fail(op::lookup, errc_of(seen.error()));
        co_return lookup::unreachable;
    }
    counts_.on_call(op::lookup, steady::now() - began);
    if (*seen == lookup::unreliable) { counts_.on_failure(op::lookup, reason::table); }
    co_return *seen;
}

// A stamp is a number of the log, or less than what the clock of Redis showed when the fetch began; numbers of the log are not above that
// clock either, unless it was put back. Whatever is stamped higher would survive all that is invalidated until then.
bool entry_store::is_of_the_future(const entry& e, milliseconds shared_minus_local) const
{
    using std::chrono::microseconds;
    if (valid_ == nullptr || valid_->contact() == contact::alone) { return false; }
    const microseconds shared = (time_.now() + shared_minus_local).time_since_epoch();
    const sequence latest = std::max(valid_->position(), static_cast<sequence>(std::max<microseconds::rep>(0, shared.count())));
    return e.stamp() > latest + static_cast<sequence>(microseconds(stamp_margin).count());
}

entry_ptr entry_store::verified(std::string_view bytes, std::string_view tenant, std::string_view key, const hash128& seeded)
{
    const auto offset = tier_->shared_minus_local();
    if (!offset) {   // times without a common clock mean nothing
        fail(op::get, errc::redis_down);
        return nullptr;
    }
    std::variant<entry_ptr, decode_error> decoded = decode(bytes, key, seeded, *offset);
    if (entry_ptr* const e = std::get_if<entry_ptr>(&decoded)) {
        if (!is_of_the_future(**e, *offset)) { return std::move(*e); }
        counts_.on_failure(op::get, reason::checksum);
        erase(entry_name(prefix_, tenant, key), op::del);
        return nullptr;
    }
    const decode_error problem = std::get<decode_error>(decoded);
    counts_.on_failure(op::get, reason_for(problem));
    if (is_damage(problem)) { erase(entry_name(prefix_, tenant, key), op::del); }
    return nullptr;
}

// Empty when nothing can be written now, which is counted.
std::string entry_store::encoded(const entry& e, op o)
{
    if (const auto why = tier_->write_refusal()) {
        fail(o, *why);
        return {};
    }
    const bool is_unread = valid_ != nullptr && valid_->contact() != contact::alone && valid_->position() == 0;
    if (is_unread) {   // its stamp would say nothing to the others
        fail(o, errc::redis_down);
        return {};
    }
    const auto offset = tier_->shared_minus_local();
    if (!offset) {
        fail(o, errc::redis_down);
        return {};
    }
    std::string bytes;
    if (e.body_size() <= max_value_) { bytes = encode(e, *offset); }   // no work for what is too large anyway
    if (bytes.empty() || bytes.size() > max_value_) {
        counts_.on_failure(o, reason::too_large);
        return {};
    }
    return bytes;
}

void entry_store::put(std::string_view tenant, const entry_ptr& e)
{
    const milliseconds life = time_to_live(e->times(), time_.now(), max_life_);
    if (life <= milliseconds(0)) { return; }
    std::string bytes = encoded(*e, op::set);
    if (bytes.empty()) { return; }
    std::string name = entry_name(prefix_, tenant, e->key());
    auto counted = counting(op::set);
    if (valid_ == nullptr) {
        tier_->write(std::move(name), std::move(bytes), life, std::move(counted));
        return;
    }
    tier_->write(name, std::move(bytes), life, [this, name, e, counted = std::move(counted)](std::optional<errc> problem) {
        counted(problem);
        if (!problem) { recheck(name, *e); }
    });
}

// An invalidation may come while the value is on its way, and its own word may overtake it on another connection. Whoever is
// last looks: here, the value has arrived; after that the invalidation's word comes later than the value.
void entry_store::recheck(const std::string& name, const entry& e)
{
    if (valid_ != nullptr && !valid_->is_valid(e.scopes(), e.stamp())) { erase(name, op::del); }
}

// ---- the locks of fills

task<lock_attempt> entry_store::try_lock(std::string_view tenant, std::string_view key, const hash128& seeded, milliseconds lease)
{
    lock_attempt out;
    lock_keeper* const keeper = tier_->locks();
    if (keeper == nullptr) { co_return out; }
    // Blindly nobody is waited for: what would come is not judged yet.
    if (const auto why = is_blind() ? std::optional(errc::redis_down) : read_refusal()) {
        fail(op::lock, *why);
        co_return out;
    }
    lock_names names{lock_name(prefix_, tenant, key), waiters_name(prefix_, tenant, key)};
    const std::string token = new_token();
    lock_keeper::attempt ask{names, token, lease, entry_name(prefix_, tenant, key)};
    const auto began = steady::now();
    const result<lock_keeper::attempted> answer = co_await keeper->try_lock(std::move(ask));
    if (!answer) {
        fail(op::lock, errc_of(answer.error()));
        co_return out;
    }
    counts_.on_call(op::lock, steady::now() - began);
    out.is = answer->acquired ? lock_attempt::state::acquired : lock_attempt::state::busy;
    out.remaining = answer->remaining;
    out.holder = answer->holder;
    if (answer->acquired) {
        out.lease = std::make_unique<fill_lease>(*keeper, counts_, wheel_, std::move(names), stable_hash(key), token, lease);
    }
    if (answer->bytes) { out.found = verified(*answer->bytes, tenant, key, seeded); }
    co_return out;
}

void entry_store::commit(fill_lease& lease, std::string_view tenant, std::span<const entry_ptr> entries)
{
    std::vector<lock_keeper::item> items;
    for (const entry_ptr& e : entries) {
        const milliseconds life = time_to_live(e->times(), time_.now(), max_life_);
        std::string bytes = life > milliseconds(0) ? encoded(*e, op::commit) : std::string();
        if (bytes.empty()) {
            lease.release({.what = fill_outcome::unshared});
            return;
        }
        items.push_back({.name = entry_name(prefix_, tenant, e->key()), .bytes = std::move(bytes), .life = life});
    }
    lease.commit(std::move(items), [this, tenant = std::string(tenant),
                                    kept = std::vector<entry_ptr>(entries.begin(), entries.end())](bool written) {
        if (!written) { return; }
        for (const entry_ptr& e : kept) { recheck(entry_name(prefix_, tenant, e->key()), *e); }
    });
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
