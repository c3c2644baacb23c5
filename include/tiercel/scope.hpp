#pragma once

// What can be invalidated, and the logical clock that says whether a stored answer is older than that.
//
// Each invalidation raises one number per scope; each entry carries the number that was applied when its fetch began
// (its stamp). An entry is valid iff none of its scopes was raised after its stamp. Nothing is searched or deleted, so
// every scope costs O(1), and a fill that was under way when the invalidation came loses by its stamp (the fence).

#include <tiercel/clock.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tiercel {

// `tag` holds for all hosts of a tenant, `group` (RFC 9875) for one origin. The numbers are part of the hashes.
enum class scope_kind : std::uint8_t { all, tenant, host, url, prefix, entity, entity_list, tag, group, last_ };
std::string_view name_of(scope_kind k) noexcept;
std::optional<scope_kind> scope_kind_named(std::string_view name) noexcept;

using scope_hash = std::uint64_t;
using sequence = std::uint64_t;

// Hash of kind, tenant and name. Collisions only invalidate too much. For `url` the name is the framed primary key, for `group`
// the origin's part of one and the group behind it, for `prefix` the host's part and the path.
scope_hash hash_scope(scope_kind kind, std::string_view tenant, std::string_view name) noexcept;

// hard: gone. soft: expired, as of now; may be served stale inside its windows.
enum class purge_mode : std::uint8_t { hard, soft };
std::string_view name_of(purge_mode m) noexcept;

// What invalidations have made of a stored answer.
struct standing {
    enum class is : std::uint8_t { good, outdated, gone };
    is what = is::good;
    sequence since = 0;   // outdated: by this invalidation
};

// How near a process is to the log of invalidations that it shares with others.
enum class contact : std::uint8_t {
    alone,       // there is no such log: it knows everything
    unread,      // it has not read it yet
    following,
    resumed,     // the process stood still for a while, and has not heard of it since
    lost,        // for a moment
    blind,       // for so long that what it does not know may matter
};
std::string_view name_of(contact c) noexcept;

class raised_scopes;   // src/cache

// Thread: all calls from any thread. 4,096 maxima indexed by scope hash say at once that nothing of concern was raised; where one
// is above a stamp, an exact table decides. That holds so many scopes at most (16 bytes each, half of them in use); beyond,
// the older half is forgotten and everything stamped before it counts as gone. On a hit:
//
//     const std::uint64_t seen = v.version();                       // before the check, never after
//     if (e.checked() != seen) {
//         if (v.judge(e.scopes(), e.stamp()).what != …) { … }
//         e.checked() = seen;
//     }
//
// Alone (one process), raise() makes the numbers. With a log that several processes share, the log makes them: whoever follows
// it calls apply() for each and then advance(). What this process has invalidated itself but not read back from the log yet is
// raised right above what it has read, so that it holds here at once; numbers of the log lie `spacing` apart, so that
// such a number is never the log's own.
class validity {
public:
    static constexpr sequence spacing = 16;

    validity();
    ~validity();
    validity(const validity&) = delete;
    validity& operator=(const validity&) = delete;

    // The sequence that a fetch beginning now is stamped with.
    sequence applied() const noexcept { return applied_.load(std::memory_order_acquire); }
    // Changes with everything that may change what judge() says.
    std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

    // Raises the scopes of one event to a new sequence, of at least `at_least` (for callers who number by time); every entry
    // stamped before the returned sequence and bearing one of them is invalid from here on.
    sequence raise(std::span<const scope_hash> scopes, purge_mode mode, sequence at_least = 0);
    sequence raise(scope_hash scope, sequence at_least = 0) { return raise(std::span(&scope, 1), purge_mode::hard, at_least); }

    // ---- by who follows a log
    // Some of what the log says, under its sequence. Holds once advance() or touch() returns.
    void apply(std::span<const scope_hash> scopes, purge_mode mode, sequence s);
    void apply(scope_hash scope, purge_mode mode, sequence s) { apply(std::span(&scope, 1), mode, s); }
    // Everything up to `s` has been applied.
    void advance(sequence s);
    // For a process that has no contact to the log: nothing that others may have appended up to `s` is of concern to a fetch that
    // begins now.
    void assume(sequence s);
    // Whatever is stamped before is gone.
    void raise_floor(sequence s);
    sequence floor() const noexcept { return floor_.load(std::memory_order_relaxed); }
    // All are judged anew at their next use.
    void touch() noexcept { version_.fetch_add(1, std::memory_order_acq_rel); }
    // Sequences are microseconds on a shared clock, and that is so far ahead of ours.
    void set_shared_minus_local(milliseconds d) noexcept { shared_minus_local_.store(d.count(), std::memory_order_relaxed); }
    // The last sequence of the log that was applied; 0: none, or there is no log.
    sequence position() const noexcept { return position_.load(std::memory_order_acquire); }
    // When that invalidation was made, for one that is not later than `now`.
    instant time_of(sequence s, instant now) const noexcept;
    // The number under which a scope was raised last, 0 if never (as far as is remembered).
    sequence raised(scope_hash scope, purge_mode mode) const;
    std::size_t size() const;
    // Calls visit(scope, mode, sequence) for all that are remembered, under no lock; what is raised meanwhile may be missed.
    template <class F>
    void for_each(F visit) const
    {
        for (const remembered& r : all()) { visit(r.scope, r.mode, r.raised); }
    }

    // Changes to it are judged like an invalidation: every answer is looked at anew.
    enum contact contact() const noexcept { return contact_.load(std::memory_order_acquire); }
    void set_contact(enum contact c) noexcept
    {
        if (contact_.exchange(c, std::memory_order_acq_rel) != c) { touch(); }
    }
    // Found out by somebody who notices that time has passed: nothing is taken from memory until the log was asked again.
    void suspend() noexcept
    {
        suspensions_.fetch_add(1, std::memory_order_acq_rel);
        if (contact() != contact::alone) { set_contact(contact::resumed); }
    }
    // What was invalidated before that time has been applied; end_of_time where there is nobody else who invalidates.
    instant known_until() const noexcept { return instant(milliseconds(known_until_.load(std::memory_order_relaxed))); }
    void know_until(instant t);
    // The same of what event feeds say, as far as there are any, as it was found at `found`. What other instances have carried out of it
    // was in the log by then, so it counts once that was read until then.
    void know_feeds_until(instant t, instant found);
    // Both.
    instant all_known_until() const noexcept { return instant(milliseconds(all_known_until_.load(std::memory_order_relaxed))); }
    std::uint64_t suspensions() const noexcept { return suspensions_.load(std::memory_order_acquire); }
    // What others share may be judged here: all that is known about it is known here, but for a moment's lag.
    bool is_in_step() const noexcept { return contact() == contact::alone || contact() == contact::following; }

    standing judge(std::span<const scope_hash> scopes, sequence stamp) const;
    // Nothing at all was invalidated since: what a fetch must be to be stored. Sees every raise that version() has shown to this
    // thread.
    bool is_valid(std::span<const scope_hash> scopes, sequence stamp) const
    {
        return judge(scopes, stamp).what == standing::is::good;
    }
    // It is not gone.
    bool survives(std::span<const scope_hash> scopes, sequence stamp) const
    {
        return judge(scopes, stamp).what != standing::is::gone;
    }

private:
    struct remembered {
        scope_hash scope;
        purge_mode mode;
        sequence raised;
    };
    std::vector<remembered> all() const;

    static constexpr std::size_t bucket_count = 4096;
    using buckets = std::array<std::atomic<sequence>, bucket_count>;

    static std::atomic<sequence>& bucket_of(buckets& b, scope_hash s) noexcept { return b[s % bucket_count]; }
    static sequence bucket_of(const buckets& b, scope_hash s) noexcept { return b[s % bucket_count].load(std::memory_order_relaxed); }
    void note(scope_hash scope, purge_mode mode, sequence s);
    // Of the feeds, as it was found.
    struct finding {
        instant until;
        instant found;
    };
    void publish_known();   // REQUIRES: knowing_

    alignas(64) std::atomic<std::uint64_t> version_{1};   // read on every hit: alone on its cache line
    alignas(64) std::atomic<sequence> applied_{1};
    std::atomic<sequence> position_{0};
    std::atomic<sequence> floor_{0};
    std::atomic<std::int64_t> shared_minus_local_{0};
    std::atomic<enum contact> contact_{contact::alone};
    std::atomic<std::uint64_t> suspensions_{0};
    std::atomic<instant::rep> known_until_{end_of_time.time_since_epoch().count()};
    std::atomic<instant::rep> all_known_until_{end_of_time.time_since_epoch().count()};
    alignas(64) buckets hard_{};
    alignas(64) buckets soft_{};
    std::unique_ptr<raised_scopes> exact_;
    std::mutex raising_;
    std::mutex knowing_;                   // of the rest
    instant feeds_known_until_ = end_of_time;
    finding waiting_{end_of_time, instant::min()};   // for the log
    finding newest_ = waiting_;
};

}  // namespace tiercel
