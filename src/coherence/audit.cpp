#include "coherence/audit.hpp"

namespace tiercel::coherence {

void audit::add(audit_row row)
{
    const std::lock_guard guard(mutex_);
    if (by_id_.contains(row.what.id)) { return; }
    if (rows_.size() == most_) {
        by_id_.erase(rows_.front().what.id);
        rows_.pop_front();
        ++first_;
    }
    by_id_.emplace(row.what.id, first_ + rows_.size());
    rows_.push_back(std::move(row));
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
