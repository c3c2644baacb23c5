#pragma once

// The right to fetch one key's answer for all instances, for as long as the fetch takes.
//
// The lease is short and renewed while it is held, so that the death of its holder stops the others for no more than a
// lease, however long fetches take. It may be lost without a word (a stalled process, a Redis that forgot): then the holder's
// answer is not written to L2, because somebody else's may be there already. Its own clients get it all the same.

#include "async/timer_wheel.hpp"
#include "l2/l2_store.hpp"
#include "l2/lock_keeper.hpp"
#include "l2/wake_board.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tiercel::l2 {

// 128 random bits, as digits.
std::string new_token();

// Made by the store that took the lock, and outlived by it. Thread: the store's loop.
class fill_lease {
public:
    fill_lease(lock_keeper& keeper, observer& counts, async::timer_wheel& wheel, lock_names names, const hash128& key,
               std::string token, milliseconds length);
    // Gives it back as `released`, unless that was done.
    ~fill_lease();
    fill_lease(const fill_lease&) = delete;
    fill_lease& operator=(const fill_lease&) = delete;

    // Gives it back and tells those who wait. The first ending counts. Not awaited.
    void release(const fill_news& news);
    // The same, with what is to be written if it is still ours; `done(true)` when it was. Through store::commit().
    void commit(std::vector<lock_keeper::item> items, std::function<void(bool)> done);

    bool is_over() const noexcept { return over_; }

private:
    void renew();
    void finish(lock_keeper::ending e, op o, std::function<void(bool)> done);

    lock_keeper& keeper_;
    observer& counts_;
    lock_names names_;
    hash128 key_;
    std::string token_;
    milliseconds length_;
    std::shared_ptr<bool> lost_;      // shared with renewals under way
    async::deadline renewal_;
    bool over_ = false;
};

}  // namespace tiercel::l2
