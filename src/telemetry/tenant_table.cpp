#include "telemetry/tenant_table.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

namespace tiercel::telemetry {
namespace {

// So many requests per slot make a judgement about who is busy.
constexpr std::uint64_t evidence_per_slot = 100;

std::uint64_t total(const outcome_counts& c) noexcept { return std::accumulate(c.begin(), c.end(), std::uint64_t{0}); }

bool may_have_slot(std::string_view tenant) noexcept
{
    return tenant != tenant_table::other && tenant.size() <= tenant_table::longest_name;
}

}  // namespace

// ---- tenant_table ----------------------------------------------------------------------------------------------------

tenant_table::tenant_table(std::size_t slots)
    : slots_(slots), full_(slots == 0), base_(slots), at_last_exchange_(slots + 1)
{
    names_.reserve(slots);
}

tenant_table::snapshot tenant_table::names() const
{
    const std::lock_guard lock(guard_);
    return {generation_.load(std::memory_order_relaxed), names_};
}

void tenant_table::admit(std::string_view tenant)
{
    const std::lock_guard lock(guard_);
    if (names_.size() == slots_ || std::ranges::find(names_, tenant) != names_.end()) { return; }
    names_.emplace_back(tenant);
    full_.store(names_.size() == slots_, std::memory_order_release);
    generation_.fetch_add(1, std::memory_order_release);
}

void tenant_table::nominate(std::string_view tenant)
{
    const std::unique_lock lock(guard_, std::try_to_lock);
    if (!lock) { return; }
    const auto it = std::ranges::find(nominees_, tenant, &nominee::tenant);
    if (it != nominees_.end()) {
        it->votes += nomination;
    } else if (nominees_.size() < slots_) {
        nominees_.push_back({std::string(tenant), nomination});
    }
}

std::vector<tenant_table::row> tenant_table::report(const std::vector<outcome_counts>& raw)
{
    TIERCEL_CHECK(raw.size() == slots_ + 1);
    const std::lock_guard lock(guard_);
    std::vector<row> rows;
    rows.reserve(names_.size() + 1);
    for (std::size_t slot = 0; slot < names_.size(); ++slot) {
        rows.push_back({names_[slot], raw[slot]});
        std::ranges::transform(raw[slot], base_[slot], rows.back().requests.begin(), std::minus{});
    }
    std::ranges::sort(rows, {}, &row::tenant);
    rows.push_back({std::string(other), raw[slots_]});
    std::ranges::transform(raw[slots_], retired_, rows.back().requests.begin(), std::plus{});
    exchange_slots(raw);
    return rows;
}

void tenant_table::exchange_slots(const std::vector<outcome_counts>& raw)
{
    std::vector<std::uint64_t> since(raw.size());
    std::uint64_t requests = 0;
    for (std::size_t slot = 0; slot < raw.size(); ++slot) {
        since[slot] = total(raw[slot]) - at_last_exchange_[slot];
        requests += since[slot];
    }
    if (requests < evidence_per_slot * slots_) { return; }

    std::ranges::sort(nominees_, std::greater{}, &nominee::votes);
    bool changed = false;
    for (auto& n : nominees_) {
        if (std::ranges::find(names_, n.tenant) != names_.end()) { continue; }
        const auto idlest = std::ranges::min_element(since.begin(), since.end() - 1);
        if (n.votes <= 2 * *idlest) { break; }
        const auto slot = static_cast<std::size_t>(idlest - since.begin());
        retire(slot, raw[slot]);
        names_[slot] = std::move(n.tenant);
        *idlest = UINT64_MAX / 2;   // the newcomer stays at least for one period
        changed = true;
    }
    nominees_.clear();
    for (std::size_t slot = 0; slot < raw.size(); ++slot) { at_last_exchange_[slot] = total(raw[slot]); }
    if (changed) { generation_.fetch_add(1, std::memory_order_release); }
}

void tenant_table::retire(std::size_t slot, const outcome_counts& raw)
{
    for (std::size_t i = 0; i < raw.size(); ++i) {
        retired_[i] += raw[i] - base_[slot][i];
        base_[slot][i] = raw[i];
    }
}

// ---- tenant_lookup ---------------------------------------------------------------------------------------------------

tenant_lookup::tenant_lookup(tenant_table& table) : table_(table) { reload(); }

void tenant_lookup::reload()
{
    auto now = table_.names();
    seen_ = now.generation;
    names_ = std::move(now.names);
    last_slot_ = table_.other_slot();
    last_ = tenant_table::other;
    places_.assign(std::bit_ceil(2 * table_.slots() + 2), place{});
    for (std::uint32_t slot = 0; slot < names_.size(); ++slot) {
        const auto hash = std::hash<std::string_view>{}(names_[slot]);
        auto at = hash & (places_.size() - 1);
        while (places_[at].slot != UINT32_MAX) { at = (at + 1) & (places_.size() - 1); }
        places_[at] = {hash, slot};
    }
}

tenant_slot tenant_lookup::look_up(std::string_view tenant, std::size_t hash) const noexcept
{
    const auto mask = places_.size() - 1;
    for (auto at = hash & mask; places_[at].slot != UINT32_MAX; at = (at + 1) & mask) {
        const auto& p = places_[at];
        if (p.hash == hash && names_[p.slot] == tenant) { return static_cast<tenant_slot>(p.slot); }
    }
    return table_.other_slot();
}

tenant_slot tenant_lookup::find_slowly(std::string_view tenant)
{
    if (seen_ != table_.generation()) { reload(); }
    if (!may_have_slot(tenant)) { return table_.other_slot(); }
    const auto hash = std::hash<std::string_view>{}(tenant);
    auto slot = look_up(tenant, hash);
    if (slot == table_.other_slot()) {
        if (table_.is_full()) {
            vote(tenant, hash);
            return slot;
        }
        table_.admit(tenant);
        reload();
        slot = look_up(tenant, hash);
    }
    if (slot != table_.other_slot()) {
        last_ = tenant;
        last_slot_ = slot;
    }
    return slot;
}

void tenant_lookup::vote(std::string_view tenant, std::size_t hash)
{
    if (cells_.empty()) { cells_.resize(cells); }
    auto& c = cells_[(hash >> 8) % cells];
    if (c.tenant == tenant) {
        if (++c.votes == tenant_table::nomination) {
            c.votes = 0;
            table_.nominate(tenant);
        }
    } else if (c.votes == 0) {
        c.tenant = tenant;
        c.votes = 1;
    } else {
        --c.votes;
    }
}

}  // namespace tiercel::telemetry
