#pragma once

// The eviction policy of one shard: least recently used, with lazy promotion.
//
// A hit moves its entry to the front only if the last move is longer ago than `promote_age`, 1/16 of the time an entry now
// takes from the front to eviction. An entry is thus at most 1/16 of that way too far back: the order of eviction is that of
// LRU up to 6 %, while most hits on hot entries touch no neighbours at all. A fixed interval cannot do this: near the
// eviction age it turns LRU into FIFO, far below it every hit moves. The measure is the age of the entry that would be
// evicted next; it follows the load at once, and needs no average. Capped at a minute.
//
// Another policy offers the same five calls; the shard knows nothing else about it. Intrusive: no allocation.

#include "cache/store_access.hpp"

#include <algorithm>
#include <cstddef>

namespace tiercel {

class lru_list {
public:
    void on_insert(const entry& e, instant now) noexcept
    {
        store_access::promoted(e) = stamp_of(now);
        push_front(e);
    }
    void on_hit(const entry& e, instant now) noexcept
    {
        const std::uint32_t time = stamp_of(now);
        if (since(store_access::promoted(e), time) < promote_age(time) || &e == newest_) { return; }
        unlink(e);
        store_access::promoted(e) = time;
        push_front(e);
        ++moves_;
    }
    void on_remove(const entry& e) noexcept { unlink(e); }
    // Who should go next; null when empty.
    const entry* victim() const noexcept { return oldest_; }
    // From the newest to the oldest.
    template <class Visitor>
    void for_each(Visitor visit) const
    {
        for (const entry* e = newest_; e != nullptr; e = store_access::lru(*e).older) {
            visit(*e);
        }
    }

    std::uint64_t moves() const noexcept { return moves_; }
    // Are the links of both directions the same list?
    bool is_consistent() const noexcept
    {
        const entry* newer = nullptr;
        for (const entry* e = newest_; e != nullptr; newer = e, e = store_access::lru(*e).older) {
            if (store_access::lru(*e).newer != newer) { return false; }
        }
        return oldest_ == newer && (oldest_ == nullptr || oldest_promoted_ == store_access::promoted(*oldest_));
    }

private:
    static constexpr std::int32_t longest_promote_age = 60'000;

    // Milliseconds modulo 2^32: differences are right for 24 days, and beyond that an entry merely misses one promotion.
    static std::uint32_t stamp_of(instant t) noexcept
    {
        return static_cast<std::uint32_t>(static_cast<std::uint64_t>(t.time_since_epoch().count()));
    }
    static std::int32_t since(std::uint32_t then, std::uint32_t now) noexcept
    {
        return static_cast<std::int32_t>(now - then);   // negative when another thread's clock reading was later
    }
    std::int32_t promote_age(std::uint32_t now) const noexcept
    {
        return std::clamp(since(oldest_promoted_, now) / 16, std::int32_t{0}, longest_promote_age);
    }

    void push_front(const entry& e) noexcept
    {
        store_access::lru(e) = {.newer = nullptr, .older = newest_};
        if (newest_ != nullptr) {
            store_access::lru(*newest_).newer = &e;
        } else {
            set_oldest(&e);
        }
        newest_ = &e;
    }
    void unlink(const entry& e) noexcept
    {
        const auto [newer, older] = store_access::lru(e);
        if (newer != nullptr) {
            store_access::lru(*newer).older = older;
        } else {
            newest_ = older;
        }
        if (older != nullptr) {
            store_access::lru(*older).newer = newer;
        } else {
            set_oldest(newer);
        }
    }
    void set_oldest(const entry* e) noexcept
    {
        oldest_ = e;
        oldest_promoted_ = e != nullptr ? store_access::promoted(*e) : 0;
    }

    const entry* newest_ = nullptr;
    const entry* oldest_ = nullptr;
    std::uint32_t oldest_promoted_ = 0;   // a copy, so that a hit need not fetch the oldest entry
    std::uint64_t moves_ = 0;
};

}  // namespace tiercel
