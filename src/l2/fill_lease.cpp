#include "l2/fill_lease.hpp"

#include <random>
#include <utility>

namespace tiercel::l2 {
namespace {

using async::steady;
using hold = lock_keeper::hold;

// What every answer to a lock command is counted as.
void count(observer& counts, op o, const result<hold>& r, steady::time_point began)
{
    if (r || errc_of(r.error()) == errc::redis_reply) { counts.on_call(o, steady::now() - began); }
    if (!r) { counts.on_failure(o, reason_of(errc_of(r.error()))); }
}

}  // namespace

std::string new_token()
{
    std::random_device entropy;
    const auto word = [&] { return (static_cast<std::uint64_t>(entropy()) << 32) | entropy(); };
    const std::uint64_t high = word();
    return hex(hash128{high, word()});
}

fill_lease::fill_lease(lock_keeper& keeper, observer& counts, async::timer_wheel& wheel, lock_names names, const hash128& key,
                       std::string token, milliseconds length)
    : keeper_(keeper), counts_(counts), names_(std::move(names)), key_(key), token_(std::move(token)), length_(length),
      lost_(std::make_shared<bool>(false)), renewal_(wheel, [](void* self) { static_cast<fill_lease*>(self)->renew(); }, this)
{
    renewal_.expires_after(length_ / 3);
}

fill_lease::~fill_lease()
{
    try {
        release(fill_news());
    } catch (...) {   // out of memory: then it expires
    }
}

void fill_lease::renew()
{
    if (*lost_) { return; }
    renewal_.expires_after(length_ / 3);
    keeper_.renew(names_, token_, length_, [&counts = counts_, lost = lost_, began = steady::now()](const result<hold>& r) {
        count(counts, op::renew, r, began);
        if (r && *r == hold::lost) { *lost = true; }
    });
}

void fill_lease::release(const fill_news& news)
{
    if (over_) { return; }
    lock_keeper::ending e;
    e.news = e.news_if_full = wake_message(key_, token_, news);
    finish(std::move(e), op::release, nullptr);
}

void fill_lease::commit(std::vector<lock_keeper::item> items, std::function<void(bool)> done)
{
    if (over_) { return; }
    lock_keeper::ending e;
    e.items = std::move(items);
    e.news = wake_message(key_, token_, {.what = fill_outcome::stored});
    e.news_if_full = wake_message(key_, token_, {.what = fill_outcome::unshared});
    finish(std::move(e), op::commit, std::move(done));
}

void fill_lease::finish(lock_keeper::ending e, op o, std::function<void(bool)> done)
{
    over_ = true;
    renewal_.disarm();
    if (*lost_) {
        counts_.on_lease_lost();
        if (done) { done(false); }
        return;
    }
    e.names = std::move(names_);
    e.token = std::move(token_);
    keeper_.finish(std::move(e), [&counts = counts_, o, done = std::move(done), began = steady::now()](const result<hold>& r) {
        count(counts, o, r, began);
        if (r && *r == hold::lost) { counts.on_lease_lost(); }
        if (done) { done(r && *r == hold::ours); }
    });
}

}  // namespace tiercel::l2
