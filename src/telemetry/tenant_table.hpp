#pragma once

// Which tenants have a metric label of their own. There are `slots` of them; every other tenant counts under "other", so
// that no traffic can make the number of series grow.
//
// Free slots go to the first tenants that come. Once all are taken, each thread holds a vote among the tenants without a
// slot: a fixed array of cells, one tenant each, chosen by hash; a request for that tenant is a vote for it, a request for
// another one a vote against (Boyer and Moore's majority vote, per cell). Who reaches `nomination` net votes is nominated.
// Now and then, when metrics are read, the busiest nominees change places with slots that had less than half their traffic.
// What a tenant had counted goes to "other" when it loses its slot: sums over all tenants stay right, and no series of a
// tenant ever shows another's requests, but for those counted by a thread that has not yet noticed the change.

#include "telemetry/labels.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::telemetry {

using outcome_counts = std::array<std::uint64_t, static_cast<std::size_t>(outcome::last_)>;

// Process-wide. Thread: any; guards itself.
class tenant_table {
public:
    static constexpr std::string_view other = "other";
    static constexpr unsigned nomination = 64;         // net votes within one thread
    static constexpr std::size_t longest_name = 128;   // longer ones count as "other"

    struct row {
        std::string tenant;
        outcome_counts requests{};
    };

    explicit tenant_table(std::size_t slots);

    std::size_t slots() const noexcept { return slots_; }
    tenant_slot other_slot() const noexcept { return static_cast<tenant_slot>(slots_); }

    // Counts up with every change of names().
    std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
    bool is_full() const noexcept { return full_.load(std::memory_order_acquire); }
    struct snapshot {
        std::uint64_t generation = 0;
        std::vector<std::string> names;   // by slot
    };
    snapshot names() const;

    // Takes a free slot for the tenant, unless it has one or none is free.
    void admit(std::string_view tenant);
    // A thread's vote; ignored when somebody else is just looking at the table.
    void nominate(std::string_view tenant);

    // What to show, sorted by tenant, "other" last. `raw` holds the sums of all threads since start, by slot, with the
    // other slot last; it never decreases from call to call. Exchanges slots afterwards, if there was traffic enough to judge.
    std::vector<row> report(const std::vector<outcome_counts>& raw);

private:
    struct nominee {
        std::string tenant;
        std::uint64_t votes = 0;
    };

    void exchange_slots(const std::vector<outcome_counts>& raw);
    void retire(std::size_t slot, const outcome_counts& raw);

    const std::size_t slots_;
    std::atomic<std::uint64_t> generation_{1};
    std::atomic<bool> full_;
    mutable std::mutex guard_;
    std::vector<std::string> names_;
    std::vector<nominee> nominees_;                 // at most slots_
    std::vector<outcome_counts> base_;              // per slot: what earlier tenants had counted there
    outcome_counts retired_{};                      // the sum of all base_
    std::vector<std::uint64_t> at_last_exchange_;   // per slot, and of "other": raw total then
};

// One thread's way from a tenant to its slot, without a lock as long as nothing changes. Thread: one.
class tenant_lookup {
public:
    explicit tenant_lookup(tenant_table& table);

    tenant_slot find(std::string_view tenant)
    {
        // Requests come in runs of one tenant, and many installations have only one.
        if (seen_ == table_.generation() && tenant == last_) { return last_slot_; }
        return find_slowly(tenant);
    }

private:
    struct place {
        std::size_t hash = 0;
        std::uint32_t slot = UINT32_MAX;   // free
    };
    struct cell {
        std::string tenant;
        unsigned votes = 0;
    };
    static constexpr std::size_t cells = 256;

    tenant_slot find_slowly(std::string_view tenant);
    void reload();
    tenant_slot look_up(std::string_view tenant, std::size_t hash) const noexcept;
    void vote(std::string_view tenant, std::size_t hash);

    tenant_table& table_;
    std::uint64_t seen_ = 0;
    std::vector<std::string> names_;
    std::vector<place> places_;        // open addressing, at most half full
    std::vector<cell> cells_;          // made when the first vote is held
    std::string last_;                 // a tenant with a slot
    tenant_slot last_slot_{};
};

}  // namespace tiercel::telemetry
