#include <tiercel/memory_store.hpp>

#include <tiercel/check.hpp>

#include "cache/expiry_wheel.hpp"
#include "cache/lru_list.hpp"
#include "cache/slot_table.hpp"
#include "cache/spin_lock.hpp"

#include <algorithm>
#include <bit>
#include <utility>

// How the byte limit holds at every moment, without one lock for all:
//
// Each shard may use (limit - taken) / shards, where `taken` is what the large segment and the reservations use. put() reads
// `taken` under the lock of its shard, evicts down, and only then links. Who wants to take more first raises `taken`, then
// goes through all shards and evicts what is over the new limit, and only then uses what it took. A put() in some shard comes
// either before that visit, which then corrects it, or after it, and sees the new value through the lock. Giving back lowers
// `taken` after the memory is unlinked.
//
// Long content that readers still send when its entry leaves the store is `held`: evicting it gained nothing, so it counts as
// taken until it is freed. While it grows by an eviction in one shard, the others may be over their limit until they are visited.

namespace tiercel {
namespace {

constexpr std::size_t most_shards = 4096;
constexpr byte_count smallest_shard = 1_MiB;
// A shard holds at least so many objects; fewer, and the split into shards costs hit ratio.
constexpr byte_count objects_per_shard = 16;

// Bounds of one expire() call: entries looked at per lock hold, and per shard.
constexpr std::size_t looks_per_hold = 256;
constexpr std::size_t looks_per_shard = 1024;

std::size_t shard_count_for(const memory_store_options& o) noexcept
{
    if (o.max_bytes == 0) { return 0; }
    std::size_t count = std::bit_floor(std::clamp<std::size_t>(o.shards, 1, most_shards));
    while (count > 1 && o.max_bytes / count < smallest_shard) {
        count /= 2;
    }
    return count;
}

bool share_content(const entry& a, const entry& b) noexcept { return a.content() != nullptr && a.content() == b.content(); }

}  // namespace

std::string_view name_of(cause c) noexcept
{
    switch (c) {
        case cause::capacity: return "capacity";
        case cause::expired: return "expired";
        case cause::replaced: return "replaced";
        case cause::invalidated: return "invalidated";
        case cause::last_: break;
    }
    return "";
}

struct alignas(64) memory_store::shard {
    mutable spin_lock lock;
    slot_table table;
    lru_list order;
    byte_count bytes = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(cause::last_)> removed{};
    expiry_wheel wheel;
};

// Entries taken out under a lock and let go of after it: the references of a store, chained through the entries themselves.
// Declared before the lock guard.
class memory_store::victim_list {
public:
    victim_list() = default;
    victim_list(const victim_list&) = delete;
    victim_list& operator=(const victim_list&) = delete;
    ~victim_list()
    {
        while (first_ != nullptr) {
            const entry* e = std::exchange(first_, store_access::lru(*first_).older);
            // Only now may another put() have it: its fields were ours until here.
            store_access::linked(*e).store(false, std::memory_order_release);
            intrusive_ptr_release(e);
        }
    }
    void add(const entry& e) noexcept
    {
        store_access::lru(e) = {.newer = nullptr, .older = first_};
        first_ = &e;
    }

private:
    const entry* first_ = nullptr;
};

// Content that passes from one entry to the next does not count as held in between. Under the lock.
class memory_store::stay {
public:
    stay(const entry& e, const std::shared_ptr<held_bytes>& account, bool shared) noexcept
        : content_(shared ? e.content() : nullptr)
    {
        if (content_ != nullptr) { content_->enter_store(account); }
    }
    stay(const stay&) = delete;
    stay& operator=(const stay&) = delete;
    ~stay()
    {
        if (content_ != nullptr) { content_->leave_store(); }
    }

private:
    body_ptr content_;
};

memory_store::memory_store(memory_store_options o) : options_(o), shard_count_(shard_count_for(o))
{
    if (shard_count_ == 0) { return; }
    mask_ = shard_count_ - 1;
    shards_ = std::make_unique<shard[]>(shard_count_);
    if (shard_count_ == 1) { return; }
    large_ = std::make_unique<shard>();
    largest_in_shard_ = o.max_bytes / shard_count_ / objects_per_shard;
    // A quarter of the budget; more if one object of the largest size needs it, but never more than half.
    const byte_count one_object = std::min(o.max_object, o.max_bytes);
    large_limit_ = std::max(o.max_bytes / 4, std::min(o.max_bytes / 2, one_object + one_object / 64 + 64_KiB));
}

memory_store::~memory_store()
{
    victim_list victims;
    const auto empty = [&](shard& s) {
        while (const entry* e = s.order.victim()) {
            unlink(s, *e, cause::capacity, victims);
        }
    };
    std::for_each_n(shards_.get(), shard_count_, empty);
    if (large_) { empty(*large_); }
}

entry_ptr memory_store::find(std::string_view key, const hash128& hash, instant now) noexcept
{
    const auto find_in = [&](shard& s) -> entry_ptr {
        const std::lock_guard guard(s.lock);
        const entry* e = s.table.find(key, hash);
        if (e == nullptr) { return {}; }
        s.order.on_hit(*e, now);
        return entry_ptr(e);
    };
    if (shard_count_ == 0) { return {}; }
    entry_ptr found = find_in(shard_of(hash));
    if (!found && large_entries_.load(std::memory_order_relaxed) != 0) { found = find_in(*large_); }
    return found;
}

bool memory_store::put(entry_ptr e, instant now)
{
    if (shard_count_ == 0) { return false; }
    const entry_ptr incoming = e;
    const bool fits = e->body_size() <= options_.max_object;
    const bool stored = fits && (is_large(*e) ? put_large(std::move(e), now) : put_small(std::move(e), now));
    if (!stored) { hold(incoming->content()); }
    return stored;
}

bool memory_store::put_small(entry_ptr e, instant now)
{
    const entry& incoming = *e;   // kept alive by our caller: after linking another thread may evict it
    const byte_count held_before = held_->load(std::memory_order_relaxed);
    {
        victim_list victims;
        shard& s = shard_of(incoming.hash());
        const std::lock_guard guard(s.lock);
        const entry* old = s.table.find(incoming.key(), incoming.hash());
        if (old == &incoming) { return true; }
        const byte_count need = incoming.footprint();
        if (need > shard_limit()) { return false; }
        s.table.prepare_insert();
        if (store_access::linked(incoming).exchange(true, std::memory_order_acq_rel)) { return false; }

        const stay in_store(incoming, held_, old != nullptr && share_content(*old, incoming));
        if (old != nullptr) { unlink(s, *old, cause::replaced, victims); }
        while (s.bytes + need > shard_limit()) {
            const entry* const victim = s.order.victim();
            if (victim == nullptr) {   // all that was evicted is held
                store_access::linked(incoming).store(false, std::memory_order_release);
                return false;
            }
            unlink(s, *victim, cause::capacity, victims);
        }
        link(s, std::move(e), now);
    }
    if (held_->load(std::memory_order_relaxed) > held_before) { fit_shards(); }
    // A former answer of this key may have been large.
    if (large_entries_.load(std::memory_order_relaxed) != 0) {
        remove_in(*large_, cause::replaced,
                  [&](const slot_table& t) { return t.find(incoming.key(), incoming.hash()); });
    }
    return true;
}

// An entry that takes the place of one with the same content, as after a 304, charges only what it is larger by.
bool memory_store::put_large(entry_ptr e, instant now)
{
    const entry& incoming = *e;   // as in put_small()
    const byte_count need = incoming.footprint();
    if (need > large_limit_) { return false; }
    {
        const std::lock_guard one_at_a_time(large_put_);
        byte_count charged = 0;
        for (bool claimed = false, linked = false; !linked;) {
            byte_count missing = 0;
            {
                victim_list victims;
                const std::lock_guard guard(large_->lock);
                const entry* old = large_->table.find(incoming.key(), incoming.hash());
                if (old == &incoming) { return true; }
                large_->table.prepare_insert();
                if (!claimed && store_access::linked(incoming).exchange(true, std::memory_order_acq_rel)) { return false; }
                claimed = true;
                if (old != nullptr && !share_content(*old, incoming)) { unlink(*large_, *std::exchange(old, nullptr), cause::replaced, victims); }
                const byte_count given = make_large_room(need, old, now, victims);
                missing = need - std::min(need, charged + given);
                if (missing == 0) {
                    taken_.fetch_add(need - charged, std::memory_order_relaxed);
                    const stay in_store(incoming, held_, old != nullptr);
                    if (old != nullptr) { unlink(*large_, *old, cause::replaced, victims); }
                    link(*large_, std::move(e), now);
                    linked = true;
                }
            }
            if (missing != 0 && !has_room_for(missing)) {   // what was evicted is held
                taken_.fetch_sub(charged, std::memory_order_relaxed);
                store_access::linked(incoming).store(false, std::memory_order_release);
                return false;
            }
            if (missing != 0) { take_from_shards(missing); }
            charged += missing;
        }
    }
    // A former answer of this key may have been small.
    remove_in(shard_of(incoming.hash()), cause::replaced,
              [&](const slot_table& t) { return t.find(incoming.key(), incoming.hash()); });
    return true;
}

// Evicts until `need` bytes fit into the large segment in place of `old`, which stays for now, and says how much that will give.
// Under the lock.
byte_count memory_store::make_large_room(byte_count need, const entry* old, instant now, victim_list& victims) noexcept
{
    const byte_count given = old != nullptr ? old->footprint() : 0;
    if (old != nullptr) {   // the last one to be evicted
        large_->order.on_remove(*old);
        large_->order.on_insert(*old, now);
    }
    while (large_->bytes - given + need > large_limit_) {
        unlink(*large_, *large_->order.victim(), cause::capacity, victims);
    }
    return given;
}

bool memory_store::remove(std::string_view key, const hash128& hash, cause why) noexcept
{
    if (shard_count_ == 0) { return false; }
    const auto same_key = [&](const slot_table& t) { return t.find(key, hash); };
    bool removed = remove_in(shard_of(hash), why, same_key);
    if (large_entries_.load(std::memory_order_relaxed) != 0) { removed |= remove_in(*large_, why, same_key); }
    return removed;
}

bool memory_store::remove(const entry& e, cause why) noexcept
{
    if (shard_count_ == 0) { return false; }
    return remove_in(is_large(e) ? *large_ : shard_of(e.hash()), why, [&](const slot_table& t) {
        const entry* found = t.find(e.key(), e.hash());
        return found == &e ? found : nullptr;
    });
}

std::size_t memory_store::expire(instant now, std::size_t limit)
{
    if (shard_count_ == 0) { return 0; }
    // Each call begins at another shard, so that a small limit starves none.
    const std::size_t from = expire_from_.fetch_add(1, std::memory_order_relaxed);
    std::size_t freed = large_ ? expire_in(*large_, now, limit) : 0;
    for (std::size_t i = 0; i < shard_count_ && freed < limit; ++i) {
        freed += expire_in(shards_[(from + i) & mask_], now, limit - freed);
    }
    return freed;
}

std::size_t memory_store::expire_in(shard& s, instant now, std::size_t limit)
{
    std::size_t freed = 0;
    for (std::size_t done = 0; done < looks_per_shard; done += looks_per_hold) {
        victim_list victims;
        const std::lock_guard guard(s.lock);
        std::size_t looks = looks_per_hold;
        while (freed < limit) {
            const entry* e = s.wheel.next_due(now, looks);
            if (e == nullptr) { break; }
            unlink(s, *e, cause::expired, victims);
            ++freed;
        }
        if (looks != 0) { break; }   // this shard has nothing more, or the limit is reached
    }
    return freed;
}

bool memory_store::try_reserve(byte_count bytes) noexcept
{
    if (shard_count_ == 0) { return true; }
    const byte_count most = options_.max_bytes / 4;
    byte_count reserved = reserved_.load(std::memory_order_relaxed);
    do {
        if (bytes > most || reserved > most - bytes || !has_room_for(bytes)) { return false; }
    } while (!reserved_.compare_exchange_weak(reserved, reserved + bytes, std::memory_order_relaxed));
    take_from_shards(bytes);
    return true;
}

void memory_store::unreserve(byte_count bytes) noexcept
{
    if (shard_count_ == 0) { return; }
    const byte_count held = reserved_.fetch_sub(bytes, std::memory_order_relaxed);
    TIERCEL_CHECK(held >= bytes);
    taken_.fetch_sub(bytes, std::memory_order_relaxed);
}

void memory_store::hold(const body_ptr& content) noexcept
{
    if (shard_count_ == 0 || content == nullptr) { return; }
    content->hold(held_);
    fit_shards();
}

memory_store_usage memory_store::usage() const noexcept
{
    memory_store_usage all;
    all.bytes = stored_.load(std::memory_order_relaxed);
    all.reserved = reserved_.load(std::memory_order_relaxed);
    all.held = held_->load(std::memory_order_relaxed);
    all.limit = options_.max_bytes;
    const auto add = [&](const shard& s) {
        const std::lock_guard guard(s.lock);
        all.entries += s.table.size();
        for (std::size_t i = 0; i < all.removed.size(); ++i) {
            all.removed[i] += s.removed[i];
        }
    };
    std::for_each_n(shards_.get(), shard_count_, add);
    if (large_) { add(*large_); }
    return all;
}

// From the high bits; the slot in the table comes from the low ones.
memory_store::shard& memory_store::shard_of(const hash128& hash) const noexcept
{
    return shards_[(hash.hi >> 32) & mask_];
}

byte_count memory_store::shard_limit() const noexcept
{
    const byte_count away = taken_.load(std::memory_order_relaxed) + held_->load(std::memory_order_relaxed);
    return (options_.max_bytes - std::min(options_.max_bytes, away)) / shard_count_;
}

bool memory_store::has_room_for(byte_count bytes) const noexcept
{
    return taken_.load(std::memory_order_relaxed) + held_->load(std::memory_order_relaxed) + bytes <= options_.max_bytes;
}

void memory_store::take_from_shards(byte_count bytes) noexcept
{
    taken_.fetch_add(bytes, std::memory_order_relaxed);
    fit_shards();
}

// Evicts what is over the limit of its shard. What turns out to be held lowers the limit of all, hence again and again.
void memory_store::fit_shards() noexcept
{
    byte_count held = 0;
    do {
        held = held_->load(std::memory_order_relaxed);
        std::for_each_n(shards_.get(), shard_count_, [&](shard& s) {
            victim_list victims;
            const std::lock_guard guard(s.lock);
            while (s.bytes > shard_limit()) {
                unlink(s, *s.order.victim(), cause::capacity, victims);
            }
        });
    } while (held_->load(std::memory_order_relaxed) > held);
}

template <class Finder>
bool memory_store::remove_in(shard& s, cause why, Finder find_entry) noexcept
{
    victim_list victims;
    const std::lock_guard guard(s.lock);
    const entry* e = find_entry(s.table);
    if (e == nullptr) { return false; }
    unlink(s, *e, why, victims);
    return true;
}

// Under the lock of s, as link().
void memory_store::unlink(shard& s, const entry& e, cause why, victim_list& victims) noexcept
{
    const bool erased = s.table.erase(e);
    TIERCEL_CHECK(erased);
    s.order.on_remove(e);
    s.wheel.remove(e);
    s.bytes -= e.footprint();
    ++s.removed[static_cast<std::size_t>(why)];
    stored_.fetch_sub(e.footprint(), std::memory_order_relaxed);
    if (e.content() != nullptr && store_access::is_read(e)) { e.content()->leave_store(); }   // held until it is freed
    if (&s == large_.get()) {
        taken_.fetch_sub(e.footprint(), std::memory_order_relaxed);
        large_entries_.store(s.table.size(), std::memory_order_relaxed);
    }
    victims.add(e);
}

void memory_store::link(shard& s, entry_ptr e, instant now) noexcept
{
    const entry& stored = *e.detach();   // the reference is the store's from here; victim_list gives it back
    s.table.insert(stored);
    s.order.on_insert(stored, now);
    s.wheel.insert(stored);
    s.bytes += stored.footprint();
    stored_.fetch_add(stored.footprint(), std::memory_order_relaxed);
    if (stored.content() != nullptr) { stored.content()->enter_store(held_); }
    if (&s == large_.get()) { large_entries_.store(s.table.size(), std::memory_order_relaxed); }
}

void memory_store::check_invariants() const
{
    byte_count all_bytes = 0;
    const auto check = [&](const shard& s, byte_count limit) {
        const std::lock_guard guard(s.lock);
        byte_count bytes = 0;
        std::size_t listed = 0;
        std::size_t ticking = 0;
        s.order.for_each([&](const entry& e) {
            TIERCEL_CHECK(s.table.find(e.key(), e.hash()) == &e);
            TIERCEL_CHECK(store_access::linked(e).load(std::memory_order_relaxed));
            TIERCEL_CHECK(is_large(e) == (&s == large_.get()));
            TIERCEL_CHECK(&s == large_.get() || &s == &shard_of(e.hash()));
            const auto& hook = store_access::wheel(e);
            TIERCEL_CHECK((hook.back != nullptr) == (useless_from(e) != end_of_time));
            TIERCEL_CHECK(hook.back == nullptr || *hook.back == &e);
            ticking += hook.back != nullptr;
            bytes += e.footprint();
            ++listed;
        });
        TIERCEL_CHECK(s.order.is_consistent());
        TIERCEL_CHECK(listed == s.table.size());
        std::size_t slots = 0;
        s.table.for_each([&](const entry&) { ++slots; });
        TIERCEL_CHECK(slots == listed);
        TIERCEL_CHECK(ticking == s.wheel.size());
        TIERCEL_CHECK(bytes == s.bytes);
        TIERCEL_CHECK(bytes <= limit);
        all_bytes += bytes;
    };
    // Exact only while nobody else is at work; the totals are compared by quiescent callers alone.
    std::for_each_n(shards_.get(), shard_count_, [&](const shard& s) { check(s, shard_limit()); });
    byte_count large_bytes = 0;
    if (large_) {
        large_bytes = all_bytes;
        check(*large_, large_limit_);
        large_bytes = all_bytes - large_bytes;
        TIERCEL_CHECK(large_entries_.load() == large_->table.size());
    }
    TIERCEL_CHECK(all_bytes == stored_.load());
    TIERCEL_CHECK(taken_.load() == large_bytes + reserved_.load());
    TIERCEL_CHECK(all_bytes + reserved_.load() + held_->load() <= options_.max_bytes);
}

}  // namespace tiercel
