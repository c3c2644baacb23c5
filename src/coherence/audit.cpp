#include "coherence/audit.hpp"

namespace tiercel::coherence {

void audit::add(audit_row row)
{
    const std::lock_guard guard(mutex_);
    if (by_id_.contains(row.what.id)) { return; }
    if (rows_.size() == most_) { forget_oldest(); }
    by_id_.emplace(row.what.id, first_ + rows_.size());
    rows_.push_back(std::move(row));
}

void audit::forget_oldest()
{
    const audit_row& oldest = rows_.front();
    const auto [first, last] = merged_.equal_range(oldest.merged_into);
    for (auto m = first; m != last; ++m) {
        if (m->second == first_) {
            merged_.erase(m);
            break;
        }
    }
    by_id_.erase(oldest.what.id);
    rows_.pop_front();
    ++first_;
}

void audit::merge(const std::string& id, const std::string& into)
{
    const std::lock_guard guard(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end() || id == into) { return; }
    audit_row& row = row_of(found->second);
    if (!row.merged_into.empty()) { return; }
    row.merged_into = into;
    merged_.emplace(into, found->second);
    if (const auto whole = by_id_.find(into); whole != by_id_.end()) { ++row_of(whole->second).coalesced; }
}

std::optional<audit_row> audit::find(const std::string& id) const
{
    const std::lock_guard guard(mutex_);
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? std::nullopt : std::optional(rows_[static_cast<std::size_t>(found->second - first_)]);
}

std::vector<audit_row> audit::newest(std::size_t n, std::string_view tenant) const
{
    const std::lock_guard guard(mutex_);
    std::vector<audit_row> out;
    for (auto r = rows_.rbegin(); r != rows_.rend() && out.size() < n; ++r) {
        if (tenant.empty() || r->what.tenant == tenant) { out.push_back(*r); }
    }
    return out;
}

}  // namespace tiercel::coherence
