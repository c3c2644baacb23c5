#pragma once

// One stored response. Immutable once made, shared by reference count; a 304 makes a new entry that shares the body.
// Everything a hit needs lies in one allocation: the fixed part, key, scopes, serialised head, and the body when small.

#include <tiercel/body.hpp>
#include <tiercel/cache_key.hpp>
#include <tiercel/clock.hpp>
#include <tiercel/scope.hpp>
#include <tiercel/units.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace tiercel {

// What the storing rules decided about a response, computed once; reuse only compares these with "now".
struct entry_times {
    instant received{};                 // end of the response head, local line
    milliseconds initial_age{0};        // corrected_initial_age (RFC 9111 §4.2.3) at `received`
    instant fresh_until{};              // received - initial_age + lifetime
    instant swr_until{};                // end of stale-while-revalidate; == fresh_until when there is none
    instant sie_until{};                // end of stale-if-error
    instant unreachable_until{};        // end of stale use when the origin gives no answer at all
    milliseconds delta{0};              // duration of the origin fetch, moving average
    milliseconds wall_offset{0};        // received + wall_offset = wall time of reception

    // From here on the entry can serve nobody.
    instant useless_from() const noexcept { return std::max({fresh_until, swr_until, sie_until, unreachable_until}); }
    friend bool operator==(const entry_times&, const entry_times&) = default;
};

enum class entry_flag : std::uint32_t {
    none = 0,
    must_revalidate = 1u << 0,          // never stale (must-revalidate, proxy-revalidate, s-maxage)
    no_cache = 1u << 1,                 // stored, but validated on each use
    negative = 1u << 2,                 // 404 or 410 and the like: "known absent"
    vary_descriptor = 1u << 3,          // not a response: the selecting field names of a resource (body = lists of names)
    has_etag = 1u << 4,
    has_last_modified = 1u << 5,
    explicit_lifetime = 1u << 6,
    immutable = 1u << 7,                // stays as it is while it is fresh (RFC 8246)
};
constexpr entry_flag operator|(entry_flag a, entry_flag b) noexcept
{
    return static_cast<entry_flag>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool has(entry_flag set, entry_flag f) noexcept
{
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(f)) != 0;
}

class entry;
using entry_ptr = boost::intrusive_ptr<const entry>;

// The ingredients of an entry. Views are copied by make(). Key, head and etag are shorter than 4 GiB, scopes fewer than 65,536.
struct entry_parts {
    std::string_view key{};               // framed, primary or with secondary parts
    hash128 hash{};                       // seeded hash of key
    entry_times times{};
    entry_flag flags = entry_flag::none;
    sequence stamp = 0;
    int status = 200;
    std::span<const scope_hash> scopes{};
    // "HTTP/1.1 200 OK\r\nName: value\r\n…" with Content-Length, without the final empty line, without Age, Connection
    // and our own Cache-Status. Ready to send.
    std::string_view head{};
    std::string_view etag{};              // verbatim, empty if none
    std::optional<std::int64_t> last_modified{};   // seconds since 1970
    std::optional<std::int64_t> date{};
    std::string_view small_body{};        // used when body is null
    body_ptr content{};                   // complete; shared, not copied
};

struct store_access;   // src/cache

class entry {
public:
    // Bodies up to this size lie in the entry itself; it is their one copy. Larger ones stay in the chunks of the fill.
    static constexpr std::size_t inline_body_limit = 32 * 1024;

    static entry_ptr make(const entry_parts& parts);
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;

    std::string_view key() const noexcept { return {tail(), key_size_}; }
    const hash128& hash() const noexcept { return hash_; }
    const entry_times& times() const noexcept { return times_; }
    entry_flag flags() const noexcept { return flags_; }
    bool is(entry_flag f) const noexcept { return has(flags_, f); }
    sequence stamp() const noexcept { return stamp_; }
    int status() const noexcept { return status_; }
    std::span<const scope_hash> scopes() const noexcept;
    std::string_view head() const noexcept { return {tail() + key_size_, head_size_}; }
    std::string_view etag() const noexcept { return {tail() + key_size_ + head_size_ + small_size_, etag_size_}; }
    std::optional<std::int64_t> last_modified() const noexcept { return optional_of(last_modified_); }
    std::optional<std::int64_t> date() const noexcept { return optional_of(date_); }
    byte_count body_size() const noexcept { return content_ ? content_->size() : small_size_; }
    // The longest contiguous run of body bytes from `offset`; empty at the end.
    std::string_view body_at(byte_count offset) const noexcept;
    // The inline body, or empty when the body is in chunks.
    std::string_view small_body() const noexcept { return {tail() + key_size_ + head_size_, small_size_}; }
    // Null when the body is inline.
    const body_ptr& content() const noexcept { return content_; }

    // Age now (RFC 9111 §4.2.3), never negative.
    milliseconds age(instant now) const noexcept
    {
        return std::max(milliseconds{0}, times_.initial_age + (now - times_.received));
    }
    // Bytes that the L1 budget is charged: allocations with their overhead, chunks, table share. Constant per entry.
    byte_count footprint() const noexcept { return footprint_; }

    // Last validity sequence for which this entry was found good; lets a hit skip the scope check by one comparison.
    std::atomic<sequence>& checked() const noexcept { return checked_; }
    // Is it time that L1 asks L2 again whether it knows better? Always after a look that was made blindly, while nobody could tell what
    // was invalidated: whoever is blind asks last_blind_look(). Never, unless one of those below was called.
    bool is_revisit_due(instant now) const noexcept
    {
        return now.time_since_epoch().count() >= revisit_.load(std::memory_order_relaxed);
    }
    void revisit_at(instant t) const noexcept { revisit_.store(t.time_since_epoch().count(), std::memory_order_relaxed); }
    void note_blind_look(instant now) const noexcept
    {
        revisit_.store(-std::max<instant::rep>(1, now.time_since_epoch().count()), std::memory_order_relaxed);
    }
    // The beginning of time unless the last look was one.
    instant last_blind_look() const noexcept
    {
        return instant(milliseconds(std::max<instant::rep>(0, -revisit_.load(std::memory_order_relaxed))));
    }
    // As that one has it, whose copy this is.
    void revisit_like(const entry& other) const noexcept
    {
        revisit_.store(other.revisit_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    // An entry that stays although a background refresh was begun has failed to be refreshed: the next one waits for 1 s, then
    // twice as long each time up to 30 s, all of it times `jitter`. Success makes a new entry, which knows of no pause.
    bool may_refresh(instant now) const noexcept
    {
        return now.time_since_epoch().count() >= refresh_from_.load(std::memory_order_relaxed);
    }
    void note_refresh(instant now, double jitter) const noexcept;
    // Takes back the last note: it was no failure, but there is no use in another refresh before `until`.
    void put_off_refresh(instant until) const noexcept;

private:
    // Written only by the store that holds the entry, under its lock. Lying here, a hit finds them in the cache line that it
    // fetches anyway, and neither list needs memory of its own.
    struct lru_hook {
        const entry* newer = nullptr;
        const entry* older = nullptr;
    };
    struct wheel_hook {
        const entry* next = nullptr;
        const entry** back = nullptr;   // the pointer that points here; null when not on a wheel
    };
    static constexpr std::int64_t no_date = std::numeric_limits<std::int64_t>::min();

    explicit entry(const entry_parts& parts);
    ~entry() = default;
    friend void intrusive_ptr_add_ref(const entry* e) noexcept;
    friend void intrusive_ptr_release(const entry* e) noexcept;
    friend struct store_access;

    static std::optional<std::int64_t> optional_of(std::int64_t value) noexcept
    {
        return value == no_date ? std::nullopt : std::optional(value);
    }
    const char* tail() const noexcept { return reinterpret_cast<const char*>(this) + sizeof(entry); }

    // Ordered by use: what every hit touches first, then what judging it needs, then the rest.
    mutable std::atomic<std::uint32_t> references_{0};
    mutable std::uint32_t promoted_ = 0;             // when last moved to the front, in ms modulo 2^32
    mutable lru_hook lru_;
    hash128 hash_;
    mutable std::atomic<sequence> checked_{0};
    // Milliseconds of `instant`; after a blind look, minus its time: so the hit path compares once, and nothing needs room of its own.
    mutable std::atomic<instant::rep> revisit_{end_of_time.time_since_epoch().count()};
    std::uint32_t key_size_ = 0;
    std::uint32_t head_size_ = 0;
    std::uint32_t small_size_ = 0;
    std::int16_t status_ = 0;
    mutable std::atomic<bool> linked_{false};        // in a store; an entry lives in one at most
    entry_times times_;
    entry_flag flags_ = entry_flag::none;
    std::uint32_t etag_size_ = 0;
    sequence stamp_ = 0;
    body_ptr content_;
    byte_count footprint_ = 0;
    mutable std::atomic<instant::rep> refresh_from_{0};
    mutable std::atomic<std::uint32_t> refreshes_{0};   // begun
    std::int64_t last_modified_ = no_date;
    std::int64_t date_ = no_date;
    mutable wheel_hook wheel_;
    std::uint32_t scope_count_ = 0;
    // followed by: key, head, small body, etag, padding, scopes
};

void intrusive_ptr_add_ref(const entry* e) noexcept;
void intrusive_ptr_release(const entry* e) noexcept;

}  // namespace tiercel
