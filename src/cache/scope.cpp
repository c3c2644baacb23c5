#include <tiercel/scope.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cache/raised_scopes.hpp"

#include <algorithm>

namespace tiercel {
namespace {

// In the order of the enum.
constexpr std::array<std::string_view, static_cast<std::size_t>(scope_kind::last_)> kinds{
    "all", "tenant", "host", "url", "prefix", "entity", "entity_list", "tag", "group"};

// Scope hashes are stored in L2 and travel in events, so they are the same in every process. "scope001" in ASCII.
constexpr std::uint64_t scope_seed = 0x73636f7065303031;

std::uint64_t hash(std::string_view bytes, std::uint64_t seed) noexcept
{
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace

scope_hash hash_scope(scope_kind kind, std::string_view tenant, std::string_view name) noexcept
{
    // Each part is hashed under what came before it, so where one ends and the next begins is not in question.
    return hash(name, hash(tenant, scope_seed + static_cast<std::uint64_t>(kind)));
}

std::string_view name_of(scope_kind k) noexcept
{
    const auto at = static_cast<std::size_t>(k);
    return at < kinds.size() ? kinds[at] : std::string_view();
}

std::optional<scope_kind> scope_kind_named(std::string_view name) noexcept
{
    const auto found = std::find(kinds.begin(), kinds.end(), name);
    if (found == kinds.end()) { return std::nullopt; }
    return static_cast<scope_kind>(found - kinds.begin());
}

std::string_view name_of(purge_mode m) noexcept { return m == purge_mode::hard ? "hard" : "soft"; }

std::string_view name_of(contact c) noexcept
{
    switch (c) {
    case contact::alone: return "alone";
    case contact::unread: return "unread";
    case contact::following: return "following";
    case contact::resumed: return "resumed";
    case contact::lost: return "lost";
    case contact::blind: return "blind";
    }
    return "";
}

validity::validity() : exact_(std::make_unique<raised_scopes>()) {}
validity::~validity() = default;

// Why the orders suffice. One raise at a time: first the table and the maxima, then, with release, `applied_`, then `version_`. A
// reader who loads version() == v (acquire) therefore sees every maximum of every raise up to v. If it finds an entry good and
// remembers v, any raise that it may have missed has changed the version after; the entry is then judged again.
// A fetch that reads a as its stamp while the next raise is half done is stamped too old: one refetch, never a stale answer.
void validity::note(scope_hash scope, purge_mode mode, sequence s)
{
    const sequence forgotten = exact_->raise(scope, mode, s);
    if (forgotten > floor_.load(std::memory_order_relaxed)) { floor_.store(forgotten, std::memory_order_relaxed); }
    std::atomic<sequence>& highest = bucket_of(mode == purge_mode::hard ? hard_ : soft_, scope);
    if (highest.load(std::memory_order_relaxed) < s) { highest.store(s, std::memory_order_relaxed); }
}

sequence validity::raise(std::span<const scope_hash> scopes, purge_mode mode, sequence at_least)
{
    const std::lock_guard guard(raising_);
    const sequence position = position_.load(std::memory_order_relaxed);
    const sequence stamps = applied_.load(std::memory_order_relaxed);
    const sequence next = position != 0 ? stamps + 1 : std::max(stamps + 1, at_least);
    for (const scope_hash scope : scopes) {
        note(scope, mode, next);
    }
    // No number that the log may give to something unknown as yet is used as a stamp. Without room for more, what is fetched
    // from here on counts as older than this until the log is read on.
    if (position == 0 || next < position + spacing) { applied_.store(next, std::memory_order_release); }
    touch();
    return next;
}

void validity::apply(std::span<const scope_hash> scopes, purge_mode mode, sequence s)
{
    const std::lock_guard guard(raising_);
    for (const scope_hash scope : scopes) {
        note(scope, mode, s);
    }
}

void validity::advance(sequence s)
{
    const std::lock_guard guard(raising_);
    position_.store(std::max(position_.load(std::memory_order_relaxed), s), std::memory_order_release);
    if (applied_.load(std::memory_order_relaxed) < s) { applied_.store(s, std::memory_order_release); }
    touch();
}

void validity::assume(sequence s)
{
    const std::lock_guard guard(raising_);
    if (applied_.load(std::memory_order_relaxed) < s) { applied_.store(s, std::memory_order_release); }
}

void validity::raise_floor(sequence s)
{
    const std::lock_guard guard(raising_);
    if (floor_.load(std::memory_order_relaxed) < s) { floor_.store(s, std::memory_order_relaxed); }
    touch();
}

instant validity::time_of(sequence s, instant now) const noexcept
{
    const sequence position = position_.load(std::memory_order_relaxed);
    if (position != 0 && s > position) { return now; }   // our own, just now
    const auto local = static_cast<std::int64_t>(s / 1000) - shared_minus_local_.load(std::memory_order_relaxed);
    return std::min(now, instant(milliseconds(local)));
}

void validity::know_until(instant t)
{
    const std::lock_guard guard(knowing_);
    known_until_.store(t.time_since_epoch().count(), std::memory_order_relaxed);
    publish_known();
}

void validity::know_feeds_until(instant t, instant found)
{
    const std::lock_guard guard(knowing_);
    newest_ = {t, found};
    if (t < feeds_known_until_) {   // that less is known counts at once
        feeds_known_until_ = t;
        waiting_ = newest_;
    }
    publish_known();
}

// One finding waits until the log was read up to it, however many come after it; then the newest of those does.
void validity::publish_known()
{
    const instant log = known_until();
    for (int i = 0; i < 2 && waiting_.found < log; ++i) {
        feeds_known_until_ = waiting_.until;
        waiting_ = newest_;
    }
    all_known_until_.store(std::min(log, feeds_known_until_).time_since_epoch().count(), std::memory_order_relaxed);
}

sequence validity::raised(scope_hash scope, purge_mode mode) const { return exact_->find(scope, mode); }

std::size_t validity::size() const { return exact_->size(); }

std::vector<validity::remembered> validity::all() const
{
    std::vector<remembered> out;
    out.reserve(exact_->size());
    exact_->for_each([&](scope_hash scope, purge_mode mode, sequence s) { out.push_back({scope, mode, s}); });
    return out;
}

standing validity::judge(std::span<const scope_hash> scopes, sequence stamp) const
{
    standing out;
    if (stamp < floor_.load(std::memory_order_relaxed)) { return {standing::is::gone, floor()}; }
    for (const scope_hash scope : scopes) {
        if (bucket_of(hard_, scope) > stamp) {
            if (const sequence s = exact_->find(scope, purge_mode::hard); s > stamp) { return {standing::is::gone, s}; }
        }
        if (bucket_of(soft_, scope) > stamp) {
            if (const sequence s = exact_->find(scope, purge_mode::soft); s > stamp) {
                out = {standing::is::outdated, std::max(out.since, s)};
            }
        }
    }
    return out;
}

}  // namespace tiercel
