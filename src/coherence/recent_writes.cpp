#include "coherence/recent_writes.hpp"

#include <algorithm>
#include <utility>

namespace tiercel::coherence {
namespace {

constexpr std::size_t most_compared = 256;   // of one question: that many writes to one entity within the time are news by themselves

}  // namespace

void recent_writes::note(std::span<const scope_hash> scopes, purge_mode mode, sequence at, instant now)
{
    const std::lock_guard hold(mutex_);
    write w{{scopes.begin(), scopes.end()}, mode, at, now, {}};
    std::sort(w.scopes.begin(), w.scopes.end());
    w.scopes.erase(std::unique(w.scopes.begin(), w.scopes.end()), w.scopes.end());
    for (const scope_hash s : w.scopes) { by_scope_[s].push_back(first_ + writes_.size()); }
    scopes_ += w.scopes.size();
    writes_.push_back(std::move(w));
    while (!writes_.empty() && (scopes_ > most_ || now - writes_.front().noted > kept_)) { forget_oldest(); }
}

void recent_writes::forget_oldest()
{
    for (const scope_hash s : writes_.front().scopes) {
        const auto found = by_scope_.find(s);
        found->second.pop_front();
        if (found->second.empty()) { by_scope_.erase(found); }
    }
    scopes_ -= writes_.front().scopes.size();
    writes_.pop_front();
    ++first_;
}

bool recent_writes::raised(const write& w, scope_hash s) const noexcept { return std::binary_search(w.scopes.begin(), w.scopes.end(), s); }

std::optional<recent_writes::match> recent_writes::compare(const write& w, std::uint64_t number, const question& q) const
{
    const bool mine = w.event.empty() || w.event == q.event;
    const bool strong = q.mode == purge_mode::soft || w.mode == purge_mode::hard;
    if (!mine || !strong || w.at < q.happened) { return std::nullopt; }
    match out{number, w.at, {}};
    std::size_t at = 0;
    for (const std::size_t width : q.widths) {
        const std::span<const scope_hash> name = q.scopes.subspan(at, width);
        at += width;
        const std::size_t left = out.rest.size();
        std::copy_if(name.begin(), name.end(), std::back_inserter(out.rest), [&](scope_hash s) { return !raised(w, s); });
        if (out.rest.size() - left == width) { return std::nullopt; }
    }
    return out;
}

std::optional<recent_writes::match> recent_writes::find(const question& q, instant now)
{
    const std::lock_guard hold(mutex_);
    if (q.widths.empty()) { return std::nullopt; }
    std::size_t compared = 0;
    for (const scope_hash s : q.scopes.first(q.widths.front())) {   // whichever raised them all raised one of these
        const auto found = by_scope_.find(s);
        if (found == by_scope_.end()) { continue; }
        for (const std::uint64_t number : found->second) {
            const write& w = writes_[static_cast<std::size_t>(number - first_)];
            if (now - w.noted > kept_) { continue; }
            if (++compared > most_compared) { return std::nullopt; }
            if (auto m = compare(w, number, q)) { return m; }
        }
    }
    return std::nullopt;
}

void recent_writes::give(std::uint64_t number, std::string event)
{
    const std::lock_guard hold(mutex_);
    if (number >= first_) { writes_[static_cast<std::size_t>(number - first_)].event = std::move(event); }
}

}  // namespace tiercel::coherence
