#pragma once

// What was invalidated, by whom and how far it got: the newest rows, for operators. Thread: any.

#include "coherence/invalidation.hpp"

#include <tiercel/clock.hpp>

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tiercel::coherence {

struct audit_row {
    invalidation what;
    std::string node;                     // that took it in
    append_state state = append_state::pending;
    sequence at = 0;
    wall_time when{};
    milliseconds took{0};                 // until it was in the log
    std::vector<std::string> nodes;       // that are known to have applied it
    std::string merged_into;              // the id of one of equal effect that waited already
    std::size_t coalesced = 0;            // others of the same effect that it stands for
};

class audit {
public:
    explicit audit(std::size_t most = 10'000) : most_(most) {}

    void add(audit_row row);
    // Changes the row of that id, if it is still there.
    template <class F>
    bool change(const std::string& id, F edit)
    {
        const std::lock_guard guard(mutex_);
        const auto found = by_id_.find(id);
        if (found == by_id_.end()) { return false; }
        edit(row_of(found->second));
        return true;
    }
    // What becomes of the one becomes of the other: settle() of it is meant for both.
    void merge(const std::string& id, const std::string& into);
    // Changes the row of that id and all that were merged into it, which end with that.
    template <class F>
    void settle(const std::string& id, F edit)
    {
        const std::lock_guard guard(mutex_);
        if (const auto found = by_id_.find(id); found != by_id_.end()) { edit(row_of(found->second)); }
        const auto [first, last] = merged_.equal_range(id);
        for (auto m = first; m != last; ++m) { edit(row_of(m->second)); }
        merged_.erase(first, last);
    }
    std::optional<audit_row> find(const std::string& id) const;
    // Newest first, of that tenant unless empty.
    std::vector<audit_row> newest(std::size_t n, std::string_view tenant) const;

private:
    audit_row& row_of(std::uint64_t number) { return rows_[static_cast<std::size_t>(number - first_)]; }
    void forget_oldest();

    std::size_t most_;
    mutable std::mutex mutex_;
    std::deque<audit_row> rows_;
    std::uint64_t first_ = 0;             // number of the oldest
    std::map<std::string, std::uint64_t, std::less<>> by_id_;
    std::multimap<std::string, std::uint64_t, std::less<>> merged_;   // into which -> number of the row
};

}  // namespace tiercel::coherence
