#pragma once

// Locks under names, as a tier offers them that several processes share. A lock is a value that expires: the token of whoever
// holds it. It is a help against needless fetches and no proof of anything; a holder that stalls loses it without noticing, and
// then nothing it does has an effect any more, because every change compares the token first, in one step with the change.

#include "async/task.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/error.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tiercel::l2 {

struct lock_names {
    std::string lock;       // holds the token
    std::string waiters;    // there when somebody waits, and so wants to be told
};

class lock_keeper {
public:
    struct attempt {
        lock_names names;
        std::string token;          // never used before
        milliseconds lease{0};
        std::string entry;          // a name whose bytes are read in the same step, after the attempt
    };
    struct attempted {
        bool acquired = false;
        milliseconds remaining{0};  // busy: the holder's lease ends then, if it is not renewed
        std::string holder;         // busy: its token
        std::optional<std::string> bytes;
    };
    // Fails as a read does. A lock that it may have taken all the same is given back.
    virtual async::task<result<attempted>> try_lock(attempt a) = 0;

    // Both are not awaited; `done` runs once, before the tier's stop() ends: was the lock still ours?
    enum class hold : std::uint8_t { ours, lost };   // lost: nothing happened
    using handler = std::function<void(result<hold>)>;
    virtual void renew(lock_names names, std::string token, milliseconds lease, handler done) = 0;

    struct item {
        std::string name;
        std::string bytes;
        milliseconds life{0};
    };
    struct ending {
        lock_names names;
        std::string token;
        std::vector<item> items;    // written together with giving the lock back
        std::string news;           // for those who wait
        std::string news_if_full;   // the same when an item could not be written
    };
    virtual void finish(ending e, handler done) = 0;

protected:
    ~lock_keeper() = default;
};

}  // namespace tiercel::l2
